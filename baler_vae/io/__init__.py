"""Opening and writing files of any format: files to batches of tables, and back.

`files` has the two entry points, `open_source` and `write_file`; each family of formats is a room of its own.
Nothing is imported here, so that a reader of one format does not load the libraries of the others.
"""
