"""What each command does: whole files in, whole files out."""
