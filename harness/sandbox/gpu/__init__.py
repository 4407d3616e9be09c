"""GPUs: what the driver says of them, leases, and who is to blame."""
