"""The Python SDK of Kyros."""
