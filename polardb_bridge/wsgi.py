"""For gunicorn, uWSGI and others: `gunicorn polardb_bridge.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "polardb_bridge.settings")
application = get_wsgi_application()

from polardb_bridge import background  # noqa: E402  the models are ready only now

background.start()
