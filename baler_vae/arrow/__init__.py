"""Parquet and Feather files, through Arrow."""
