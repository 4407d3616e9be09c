"""The pinned runtime image: how it is made and verified."""
