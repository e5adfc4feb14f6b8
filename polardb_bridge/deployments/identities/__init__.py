"""What shows who somebody is, and how it ends: sessions, tokens, and the users that ML backends act as."""
