"""What every reader hands on, and how it and the writers speak of failures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from baler_vae.errors import BalerError, OutputError, SourceError
from baler_vae.table.schema import Schema, matches
from baler_vae.table.table import Batch


@dataclass(frozen=True)
class Source:
    """An open input: its schema, its number of events, and a way to read a selection of columns in batches.

    `batches(selection, step)` yields batches of at most `step` events; `selection` is what `select` returns. It can be
    called again and starts anew each time. `unsupported` names the columns that cannot be read, each with the reason.
    """

    path: str
    schema: Schema
    n_events: int
    batches: Callable[[Schema, int], Iterator[Batch]]
    unsupported: Mapping[str, str] = field(default_factory=dict)

    def select(self, patterns: Sequence[str] = ()) -> Schema:
        """The schema of the columns that match a glob, with the counters they need; no pattern means all columns.

        Raises:
            SourceError: an unsupported column is among them, or there is no column at all.
            UsageError: a pattern matches nothing.
        """
        refused = [
            f"{name} ({why})"
            for name, why in self.unsupported.items()
            if not patterns or any(matches(name, pattern) for pattern in patterns)
        ]
        if refused:
            more = f" and {len(refused) - 8} more" if len(refused) > 8 else ""
            raise SourceError(
                f"unsupported columns: {', '.join(refused[:8])}{more}",
                path=self.path,
                way_out="Choose columns without them with --columns GLOB",
            )
        if not self.schema.order:
            raise SourceError("holds no columns", path=self.path)
        return self.schema.select(patterns)


@contextmanager
def reading(path: str, kind: str, *failures: type[Exception]) -> Iterator[None]:
    """A block in which the failures of a library become a `SourceError` for the file of that kind at `path`."""
    try:
        yield
    except BalerError:
        raise
    except failures as error:
        raise SourceError(f"cannot be read as {kind}: {_first_line(error)}", path=path) from error


@contextmanager
def writing(kind: str, *failures: type[Exception]) -> Iterator[None]:
    """A block in which what a library cannot write becomes an `OutputError`; the file is named by `write_file`."""
    try:
        yield
    except BalerError:
        raise
    except failures as error:
        raise OutputError(f"cannot be written as {kind}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0].strip() if text else type(error).__name__
