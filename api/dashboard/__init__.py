"""The pages for people: HTML made here, without a script, over the same calls as the API."""
