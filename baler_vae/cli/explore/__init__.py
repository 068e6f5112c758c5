"""The laboratory on the command line: one file for each verb of `baler-vae explore`."""
