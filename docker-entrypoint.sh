#!/bin/sh
# web: serve (`polardb-bridge start`). worker: background jobs (REDIS_URL). endpoint: serve MySQL clients. Anything else
# is a management command:
# docker run … polardb-bridge provision_project --help
set -eu

case "${1:-web}" in
  web)
    exec polardb-bridge start --bind 0.0.0.0
    ;;
  endpoint)
    shift
    exec polardb-bridge manage serve_mysql --host 0.0.0.0 "$@"
    ;;
  worker)
    exec polardb-bridge manage rqworker critical high default low --with-scheduler
    ;;
  *)
    exec polardb-bridge manage "$@"
    ;;
esac
