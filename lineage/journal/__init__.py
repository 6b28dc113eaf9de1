"""The append-only journal: envelopes, erasable parts, Merkle tree, signed checkpoints."""
