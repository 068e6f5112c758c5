"""Many runs of verbs, side by side."""
