#!/usr/bin/env bash
# Times the README's two commands in a fresh clone: `make demo` cold (no wheels, no image, no base, an empty home), then
# warm, and `make test` likewise. Replaces the engine's image of the same tag. Usage: bash benchmarks/fresh_clone.sh
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
git clone -q "$root" "$scratch/clone"
mkdir "$scratch/home"
cd "$scratch/clone"
if docker info >/dev/null 2>&1; then
  docker image rm -f lora-harness:cpu lora-harness-base:bookworm >/dev/null 2>&1 || true
  docker builder prune -af >/dev/null 2>&1 || true
  docker image prune -f >/dev/null 2>&1 || true
fi

timed() {
  local start=$SECONDS
  HOME="$scratch/home" "${@:2}" >"$scratch/log" 2>&1 || { tail -n 40 "$scratch/log"; exit 1; }
  printf '%-16s %4d s   %s\n' "$1" $((SECONDS - start)) "$(tail -n 1 "$scratch/log")"
}

timed 'make demo, cold' make demo
timed 'make demo, warm' make demo
timed 'make test, cold' make test
timed 'make test, warm' make test
