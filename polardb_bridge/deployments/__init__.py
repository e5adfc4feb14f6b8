"""Ready-made labeling projects for a table."""
