"""People: their accounts, passwords and sessions, and tokens that speak for them."""
