"""A package, so that its one stack ends with its last test and not with the whole session."""
