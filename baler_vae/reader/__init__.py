"""An archive open for reading."""
