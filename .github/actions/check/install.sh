#!/usr/bin/env bash
# Installs the harness in an environment of its own, which the other steps find under RUNNER_TEMP.
set -euo pipefail

source_root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../.." && pwd)"
python3 -m venv "$RUNNER_TEMP/harness"
"$RUNNER_TEMP/harness/bin/python" -m pip install --quiet --disable-pip-version-check "${HARNESS_VERSION:-$source_root}"
"$RUNNER_TEMP/harness/bin/harness" --version
