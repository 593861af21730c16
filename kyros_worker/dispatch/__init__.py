"""The dispatcher: publishes what was committed and runs every sweep."""
