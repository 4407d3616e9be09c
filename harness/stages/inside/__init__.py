"""Programs of ours that run inside a container beside student code. Standard library only; nothing here is imported."""
