"""The Label Studio storage type `polardb`: rows of a table become tasks, and know where results go."""
