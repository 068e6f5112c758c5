"""The command `baler-vae`."""

import sys
import warnings

from baler_vae.cli.app import main as run


def main() -> None:
    """Runs the command line. What libraries warn of is for those who program with them, unless somebody asks for it
    with `python -W`; what users must know is told by ourselves.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    run()


if __name__ == "__main__":
    main()
