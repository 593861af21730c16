"""How each role asks a model and reads its answer."""
