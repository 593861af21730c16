"""How fast Kyros is, measured beside the raw parts that it is made of: `make bench`."""
