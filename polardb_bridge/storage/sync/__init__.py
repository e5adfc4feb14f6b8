"""Bringing the tasks of an import storage in step with the rows of its table."""
