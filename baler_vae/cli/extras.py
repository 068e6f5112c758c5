"""What the verbs need of an extra that may not be installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from baler_vae.errors import MissingExtra


@contextmanager
def needing_reports(purpose: str) -> Iterator[None]:
    """A context that imports from the report, whose packages may not be installed.

    Raises:
        MissingExtra: they are not; it says for what `purpose` they are needed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra(purpose, "report", str(error.name)) from error
