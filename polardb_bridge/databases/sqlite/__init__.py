"""Django's backend for SQLite, with waiting that gets its turn (ENGINE = "polardb_bridge.databases.sqlite")."""
