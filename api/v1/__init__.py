"""Version 1 of the HTTP API, one file a resource."""
