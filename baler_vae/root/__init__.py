"""ROOT files: TTrees and RNTuples."""
