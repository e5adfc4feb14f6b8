"""The way in for any MySQL client: a relay in front of the source database.

Clients log in against the database itself, and what they send goes there unchanged.
"""
