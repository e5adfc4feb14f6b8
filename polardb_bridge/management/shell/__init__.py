"""The shell that `polar4ai` is in a terminal: what the mysql client is for SQL."""

from polardb_bridge.management.shell.loop import run

__all__ = ["run"]
