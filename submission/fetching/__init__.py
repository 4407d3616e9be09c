"""The download: from a link in `download.sh` to the adapter, whole or not at all."""
