"""Formulas in exact arithmetic, and which columns follow from which."""
