"""Who did what to what, when and from where: kept for ever."""
