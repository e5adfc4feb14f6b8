"""The demo: photos in a table of a private MariaDB, and Label Studio to label them."""
