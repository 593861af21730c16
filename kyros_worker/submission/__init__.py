"""One pass of one role at one task: the unit that is queued, claimed and leased."""
