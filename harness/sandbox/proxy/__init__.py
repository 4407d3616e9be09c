"""The proxy through which a fetch reaches the network."""
