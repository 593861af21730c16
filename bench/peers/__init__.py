"""The raw parts that Kyros is measured beside: what a team would write first."""
