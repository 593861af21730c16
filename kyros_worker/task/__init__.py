"""The customer's piece of work, from its creation to its final state."""
