"""Named byte sections in one file, each under its digest."""
