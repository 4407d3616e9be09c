#!/usr/bin/env bash
# Fetches the trained adapter into adapter_checkpoint/. Fill in the two lines below; submission/pack.py does it for you.

# A Google Drive file id or link, a Drive folder link, an https link to the zip, or hf:owner/name[@revision].
ADAPTER_SOURCE=""
# SHA-256 of the zip or of adapter_model.safetensors; empty: not checked.
ADAPTER_SHA256=""

set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
exec python3 submission/download.py --source "$ADAPTER_SOURCE" --sha256 "$ADAPTER_SHA256" --output adapter_checkpoint
