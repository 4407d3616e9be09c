#!/usr/bin/env bash
# Times `make demo` (cold: also the wheels and the image are made anew; then warm) and `make test` in a fresh clone.
# The image of this checkout's tag is replaced by an equal one. Usage: bash benchmarks/fresh_clone.sh [FOLDER]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
clone=${1:-$(mktemp -d)/clone}
git clone -q "$root" "$clone"
cd "$clone"
cache=$(mktemp -d)
if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
  docker image rm -f lora-harness:cpu >/dev/null 2>&1 || true
  docker builder prune -af >/dev/null 2>&1 || true
fi

timed() {
  local start=$SECONDS
  "$@" >"$cache/log" 2>&1 || { tail -n 40 "$cache/log"; exit 1; }
  printf '%-10s %4d s   %s\n' "$1 ${*: -1}" $((SECONDS - start)) "$(tail -n 1 "$cache/log")"
}

timed env XDG_CACHE_HOME="$cache" make demo
timed make demo
timed make test
timed make test
