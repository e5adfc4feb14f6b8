"""Label Studio's own tests, which its wheel ships, as a check of ours: `make test-label-studio`.

They run twice, under Label Studio's settings and under `polardb_bridge.settings`. Every test must end the same way,
except for those that `differences.py` lists with a reason; an entry that no longer differs is a failure too.
"""
