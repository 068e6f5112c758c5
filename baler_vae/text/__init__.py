"""Files of delimited text."""
