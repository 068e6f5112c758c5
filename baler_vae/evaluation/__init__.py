"""Original against restored: numbers."""
