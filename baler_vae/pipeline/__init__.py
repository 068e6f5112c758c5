"""Where the stages meet: whole files in, whole files out."""
