"""The Kyros backend: rooms from the lowest (settings) to the highest (command)."""
