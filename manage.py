#!/usr/bin/env python
"""Label Studio's management commands, and ours (`./manage.py help`)."""

import sys

from polardb_bridge.cli import main

if __name__ == "__main__":
    sys.exit(main(["manage", *sys.argv[1:]]))
