"""The user's database: connections, the two tables, reading rows and images, writing results. No Django here."""
