"""Named byte sections in one file, each with its digest."""
