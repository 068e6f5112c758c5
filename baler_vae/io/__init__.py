"""ROOT, CSV, Parquet, HDF5 and npz files to batches of tables, and back.

`files` holds the two doors, `open_source` and `write_file`; one module per format stands behind them. Nothing is
imported here, so that a reader of one format does not load the libraries of the others.
"""
