"""Settings: checked values of `project.toml` and of the command line."""
