#!/usr/bin/env bash
# Builds the container image that the grader uses, from the files that this action came with.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../.."
"$RUNNER_TEMP/harness/bin/harness" image build
