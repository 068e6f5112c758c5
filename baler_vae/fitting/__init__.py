"""How a codec is chosen: trials, parents, formulas, samples."""
