"""The database's schema, step by step. Every `tables` module is listed in `env.py` by hand."""
