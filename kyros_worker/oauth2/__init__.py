"""Applications of others, and what people let them do."""
