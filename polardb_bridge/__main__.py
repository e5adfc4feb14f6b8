"""`python -m polardb_bridge` is the console script `polardb-bridge`."""

import sys

from polardb_bridge.cli import main

sys.exit(main())
