#!/usr/bin/env bash
# Unit and integration tests (SQLite) on every Python that the package names, as far as the machine has them.
# usage: dev/matrix.sh [VERSION…]      for example 3.10; all by default. Each gets an environment of its own, .venv-VERSION.
set -uo pipefail
cd "$(dirname "$0")/.."

# The classifiers of pyproject.toml are what is claimed, so they are what is run.
versions=("$@")
if [ ${#versions[@]} -eq 0 ]; then
  mapfile -t versions < <(sed -n 's/.*"Programming Language :: Python :: \(3\.[0-9]*\)".*/\1/p' pyproject.toml)
fi

find_python() {
  local candidate
  for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
    # pyenv's shims are on PATH for versions too that cannot be run.
    if [ "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$1" ]; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

set_up() {
  local stamp=$2/installed
  if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
    [ -x "$2/bin/python" ] || "$1" -m venv "$2" || return
    "$2/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[dev]' && touch "$stamp"
  fi
}

outcomes=()
failed=0
for version in "${versions[@]}"; do
  if ! python=$(find_python "$version"); then
    outcomes+=("$version  not run: no Python $version on this machine")
    continue
  fi
  echo "== Python $version"
  environment=.venv-$version
  log=$environment/tests.log
  if ! set_up "$python" "$environment"; then
    failed=1
    outcomes+=("$version  FAILED: the package cannot be installed")
    continue
  fi
  "$environment/bin/python" -m pytest tests/unit tests/integration 2>&1 | tee "$log" || failed=1
  outcomes+=("$version $(tail -n 1 "$log" | tr -d '=')")
done

echo
printf 'Python %s\n' "${outcomes[@]}"
exit $failed
