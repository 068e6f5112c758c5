"""Numbers of an evaluation: figures, tables and one page."""
