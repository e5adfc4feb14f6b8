"""Label Studio's own database, where Django's backends are not enough: one package a kind of database."""
