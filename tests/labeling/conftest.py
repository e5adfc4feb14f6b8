"""The servers and the browser of tests/browser."""

from browser.conftest import (  # noqa: F401
    administered_database,
    browser,
    complaints,
    context,
    label_studio_database,
    serve,
)
