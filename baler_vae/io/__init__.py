"""The doors of all formats: files of any kind to batches of tables, and back.

`files` holds the two doors, `open_source` and `write_file`; a room for each family of formats stands behind them.
Nothing is imported here, so that a reader of one format does not load the libraries of the others.
"""
