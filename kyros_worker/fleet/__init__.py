"""The fleets of workers: who works, and whether anything new may begin."""
