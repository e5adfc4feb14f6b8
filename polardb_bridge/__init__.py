"""Label tables of PolarDB, MySQL and MariaDB in Label Studio, and write the annotations back into the rows."""

__version__ = "0.1.0"
