"""Recorded downloads: what download.sh brought, kept by content, to be put back without a network."""
