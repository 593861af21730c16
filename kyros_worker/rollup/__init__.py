"""What the rows add up to, by the minute: counted by triggers, folded by a sweep."""
