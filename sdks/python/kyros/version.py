"""The version of this package, and nothing else: the build reads it."""

VERSION = "1.0.0"
