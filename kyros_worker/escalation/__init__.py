"""Requests to go from the economy tier to the premium one, and what came of them."""
