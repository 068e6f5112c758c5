"""What the verbs need of an extra that may not be installed."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from baler_vae.errors import MissingExtra


@contextmanager
def needing(purpose: str, extra: str) -> Iterator[None]:
    """A context that imports what needs the packages of an extra.

    Raises:
        MissingExtra: they are not installed; it says for what `purpose` they are needed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra(purpose, extra, str(error.name)) from error


def needing_reports(purpose: str) -> AbstractContextManager[None]:
    """A context that imports from the report, as `needing` does."""
    return needing(purpose, "report")


def needing_explore(purpose: str) -> AbstractContextManager[None]:
    """A context that imports from the laboratory, as `needing` does."""
    return needing(purpose, "explore")
