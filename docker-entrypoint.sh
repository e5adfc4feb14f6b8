#!/bin/sh
# web: migrate, make the first user if LABEL_STUDIO_USERNAME and _PASSWORD are set, and serve. worker: background jobs (REDIS_URL).
# Anything else is a management command: docker run … polardb-bridge provision_project --help
set -eu
cd /label-studio

case "${1:-web}" in
  web)
    # Several containers may start at once: on PostgreSQL, Label Studio can let one migrate while the others wait.
    if [ "${DJANGO_DB:-sqlite}" = sqlite ]; then
      python manage.py migrate --verbosity 0
    else
      python manage.py locked_migrate
    fi
    if [ -n "${LABEL_STUDIO_USERNAME:-}" ] && [ -n "${LABEL_STUDIO_PASSWORD:-}" ]; then
      python manage.py ensure_superuser
    fi
    exec gunicorn polardb_bridge.wsgi --bind "0.0.0.0:$PORT" --threads "$THREADS" --timeout 300 \
      --worker-tmp-dir /dev/shm --access-logfile -
    ;;
  worker)
    exec python manage.py rqworker critical high default low --with-scheduler
    ;;
  *)
    exec python manage.py "$@"
    ;;
esac
