"""The `kyros` command line."""
