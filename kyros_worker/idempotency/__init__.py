"""The first answer to a request, kept so that a repeated request gets it again."""
