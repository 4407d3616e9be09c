#!/usr/bin/env bash
# Writes results/results.json whatever happens: first that nothing was graded, then the results if there are any.
# Standard output is for the course staff alone.
set -u

root="${1:-/autograder}"
source="$root/source"
made="$(mktemp -d)"
mkdir -p "$root/results"
cp "$source/not_graded.json" "$root/results/results.json"
# It ends before Gradescope's own limit, which would give a zero.
timeout --kill-after=20 "$(cat "$source/limit_s")" \
    "$(cat "$source/python")" -I -m harness gradescope run "$root" --output "$made/results.json"
code=$?
if [ "$code" -eq 0 ]; then
    cp "$made/results.json" "$root/results/results.json"
else
    echo "The harness ended with exit code $code: the submission is not graded."
    cp "$source/not_graded.json" "$root/results/results.json"
fi
