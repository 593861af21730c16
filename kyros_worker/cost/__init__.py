"""What each model call used and cost."""
