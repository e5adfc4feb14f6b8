"""The operator's page: every button runs a statement."""
