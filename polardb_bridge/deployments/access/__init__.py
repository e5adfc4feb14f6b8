"""Who gets in from where: the client's address, the allow-lists, and the answer to whoever is refused."""
