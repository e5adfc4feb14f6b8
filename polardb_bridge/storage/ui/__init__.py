"""The PolarDB table in Label Studio's own storage wizard and on its storage cards.

Label Studio compiles the wizard's providers into its frontend. wizard/ adds one more, in the browser, without
changing a file of Label Studio's: its scripts see the elements of the page as React makes them, and act on those that
carry certain properties (`polardb_bridge.label_studio.frontend.can_extend_storage_wizard`).
"""
