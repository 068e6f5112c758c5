"""The command `baler-vae`."""

from baler_vae.cli.app import main

if __name__ == "__main__":
    main()
