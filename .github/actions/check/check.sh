#!/usr/bin/env bash
# Checks the submission: annotations to the log, tables to the summary of the step, SARIF to a file. Ends as the check did.
set -euo pipefail

source_root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../.." && pwd)"
text="$RUNNER_TEMP/harness-check.txt"
rm -f "$text"

words=("$HARNESS_SUBMISSION" --assignment "$HARNESS_ASSIGNMENT" --format github --save "text=$text")
if [ "${HARNESS_QUICK:-true}" = true ]; then words+=(--quick); else words+=(--output "$RUNNER_TEMP/harness-run"); fi
if [ -f "$source_root/image.lock" ]; then words+=(--image-lock "$source_root/image.lock"); fi
if [ -n "${HARNESS_BASE_MODEL:-}" ]; then words+=(--base-model "$HARNESS_BASE_MODEL"); fi
if [ -n "${HARNESS_STUDENT_ID:-}" ]; then words+=(--student-id "$HARNESS_STUDENT_ID"); fi
if [ -n "${HARNESS_ADAPTER:-}" ]; then words+=(--adapter "$HARNESS_ADAPTER"); fi
if [ -n "${HARNESS_PREDICTIONS:-}" ]; then words+=(--predictions "$HARNESS_PREDICTIONS"); fi
if [ -n "${HARNESS_SARIF:-}" ]; then
  mkdir -p -- "$(dirname -- "$HARNESS_SARIF")"
  words+=(--save "sarif=$HARNESS_SARIF")
fi

code=0
"$RUNNER_TEMP/harness/bin/harness" check "${words[@]}" || code=$?

if [ -f "$text" ]; then
  # The tables quote what a student wrote. Indented by four spaces they are plain text in the summary, whatever they say;
  # in the log, no line of theirs is a command.
  { echo "### harness check"; echo; sed 's/^/    /' "$text"; } >>"$GITHUB_STEP_SUMMARY"
  token="$(python3 -c 'import secrets; print(secrets.token_hex(16))')"
  echo "::stop-commands::$token"
  cat "$text"
  echo "::$token::"
fi
echo "exit-code=$code" >>"$GITHUB_OUTPUT"
exit "$code"
