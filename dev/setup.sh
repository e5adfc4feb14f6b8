#!/usr/bin/env bash
# Install what is missing: Debian or Ubuntu packages, and .venv with this project. Repeating it costs nothing.
# usage: dev/setup.sh [demo|test|docs|label-studio]
#   demo: what `make demo` needs; test: also what the tests and lint need; docs: what `make docs` needs;
#   label-studio: what Label Studio's own tests need, in .venv-label-studio, for their pytest plugins are not for ours
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-test}

# A server's `-core` package, where there is one, brings the programs without a service on the machine.
programs=(cc:gcc pkg-config:pkg-config mariadb_config:libmariadb-dev mariadbd:mariadb-server-core
  my_print_defaults:mariadb-client-core)
if [ "$purpose" = test ]; then
  programs+=(redis-server:redis-server pg_isready:postgresql chromium:chromium)
fi

export PATH="$PATH:/usr/sbin:/sbin"
missing=()
for entry in "${programs[@]}"; do
  command -v "${entry%%:*}" >/dev/null 2>&1 || missing+=("${entry#*:}")
done
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
python3 -c 'import os, sysconfig; assert os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h"))' \
  2>/dev/null || missing+=(python3-dev)
if [ "$purpose" = test ] && ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then
  missing+=(postgresql)
fi

if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "Please install: ${missing[*]} (this script knows only Debian and Ubuntu)" >&2
    exit 1
  fi
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
    echo "Installing ${missing[*]} needs administrator rights."
  fi
  "${as_root[@]}" apt-get update -qq
  # Ubuntu 22.04 has MariaDB's programs under names with its version.
  for i in "${!missing[@]}"; do
    if [[ ${missing[$i]} = mariadb-*-core ]] && ! apt-cache show "${missing[$i]}" >/dev/null 2>&1; then
      missing[$i]=$(apt-cache pkgnames "${missing[$i]}-" | sort -V | tail -n 1)
    fi
  done
  # Nothing that is installed here may start a service: everything runs on private servers.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 755 $policy
    trap '"${as_root[@]}" rm -f '"$policy" EXIT
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    >/dev/null
fi

venv=.venv
extra=''
case $purpose in
  test) extra='[dev]' ;;
  docs) extra='[docs]' ;;
  label-studio) extra='[label-studio-tests]' venv=.venv-label-studio ;;
esac
[ -x $venv/bin/python ] || python3 -m venv $venv
stamp=$venv/installed-$purpose
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
  echo "Installing Python packages into $venv (some minutes at the first time) …"
  $venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
  $venv/bin/python -m pip install --quiet --editable ".$extra"
  touch "$stamp"
fi
