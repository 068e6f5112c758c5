"""What an interrupt from the keyboard leaves, said to the user."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from baler_vae.cli.console import note
from baler_vae.cli.requests import is_folder
from baler_vae.output import behind_links


@contextmanager
def telling_how_to_resume(output: str) -> Iterator[None]:
    """A context that writes an archive, or several into a folder; where it is interrupted, a line says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        from baler_vae.verbs.resuming import Unfinished

        left = Path(output) if is_folder(output) else Unfinished.of(behind_links(Path(output))).folder
        if left.exists():
            note(f"baler-vae: interrupted; to continue, run the same command with --resume (what is done is in {left})")
        else:
            note("baler-vae: interrupted before anything was done; run the same command again")
        raise
