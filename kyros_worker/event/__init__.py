"""What happened to a task, kept in order."""
