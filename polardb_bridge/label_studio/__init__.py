"""What Label Studio 1.23 did not mean as an extension point, wrapped here and nowhere else.

Each entry says what Label Studio does and why that is not enough; `tests/integration/test_label_studio*.py`
fail if a new release changes it. Nothing of Label Studio is imported before a function needs it: its settings come
from `settings.load_settings`.
"""
