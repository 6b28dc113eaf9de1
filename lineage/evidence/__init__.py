"""Evidence that outlives the workspace: sealed bundles and their offline verifier."""
