"""Running statements, for a shell, the REST API and the operator's page, and the record of what was run."""
