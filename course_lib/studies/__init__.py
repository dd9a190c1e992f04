"""Studies: what trains, or takes minutes, and keeps its result with the hash of the weights that it belongs to."""
