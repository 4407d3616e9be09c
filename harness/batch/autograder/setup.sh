#!/usr/bin/env bash
# Installs the harness beside this file. Gradescope runs it once, as root, when it builds the autograder's image.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
extra="$(cat "$here/extra")"
python=""
for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python="$name"
        break
    fi
done
if [ -z "$python" ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3.11 python3.11-venv
    python=python3.11
fi
# A Python that lives in a virtual environment, as in the project's own image, brings what grading needs: use it.
if "$python" -c 'import sys; sys.exit(sys.prefix == sys.base_prefix)'; then
    python="$(command -v "$python")"
else
    if ! "$python" -m venv "$here/venv" 2>/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv
        "$python" -m venv --clear "$here/venv"
    fi
    python="$here/venv/bin/python"
fi
options=(--quiet --disable-pip-version-check --no-input --find-links "$here/wheels")
if [ -e "$here/offline" ]; then
    options+=(--no-index)
fi
"$python" -m pip install "${options[@]}" "lora-harness$extra"
echo "$python" >"$here/python"
