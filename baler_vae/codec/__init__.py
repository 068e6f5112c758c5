"""The rows of a group to the parts of a section and back, without files: what an independent reader must match."""
