"""The HTTP API: parse, authenticate, call, serialise."""
