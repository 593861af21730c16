"""How all of it is, and was: health, metrics, alerts."""
