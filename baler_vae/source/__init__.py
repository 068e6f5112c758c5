"""What every format gives: a source of batches, and how columns become groups."""
