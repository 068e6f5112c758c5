"""Guarantees on what follows from columns: which rows and events they are about, and whether they are kept."""
