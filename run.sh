#!/usr/bin/env bash
# Answers the instructions of INPUT with the fine-tuned model: bash run.sh BASE ADAPTER INPUT OUTPUT
set -euo pipefail

if [ "$#" -ne 4 ]; then
  echo "usage: bash run.sh BASE ADAPTER INPUT OUTPUT (4 arguments, got $#)" >&2
  exit 2
fi

# Arguments may be relative to where the caller stands; a base that is no folder is a name on the hub and stays as it is.
absolute() {
  case "$1" in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$PWD/$1" ;;
  esac
}
base="$1"
if [ -d "$base" ]; then
  base="$(absolute "$base")"
fi
adapter="$(absolute "$2")"
input="$(absolute "$3")"
output="$(absolute "$4")"

cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
exec python3 submission/predict.py "$base" "$adapter" "$input" "$output"
