"""What can go wrong, distinguished by what the user does next.

Every error is a `BalerError`; each child stands for one remedy and one exit status of the command line.
"""

import difflib
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def shown(text: str) -> str:
    r"""A text as it may be shown on a terminal or a page: names come from untrusted files. Control
    characters, the marks that turn the direction of writing, what is not assigned, and halves of characters are
    escaped, as in `\x1b` and `\u202e`; line breaks too.
    """
    if text.isprintable():
        return text
    return "".join(
        letter
        if letter.isprintable() or unicodedata.category(letter) == "Zs"
        else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


class BalerError(Exception):
    """A failure that is explained to the user: what happened, where, and the way out."""

    exit_status = 1

    def __init__(
        self,
        what: str,
        *,
        path: str | Path | None = None,
        section: str | None = None,
        column: str | None = None,
        rows: str | None = None,
        found: object = None,
        expected: object = None,
        way_out: str | None = None,
    ) -> None:
        self.what = what
        self.path = None if path is None else str(path)
        self.section = section
        self.column = column
        self.rows = rows
        self.found = found
        self.expected = expected
        self.way_out = way_out
        super().__init__(what)

    def __str__(self) -> str:
        places = [self.path]
        if self.section:
            places.append(f"section {self.section}")
        if self.column:
            places.append(f"column {self.column!r}")
        if self.rows:
            places.append(self.rows)
        where = ", ".join(place for place in places if place)
        text = shown(f"{where}: {self.what}" if where else self.what)
        facts = []
        if self.found is not None:
            facts.append(f"found {self.found}")
        if self.expected is not None:
            facts.append(f"expected {self.expected}")
        if facts:
            text += shown(f" ({', '.join(facts)})")
        if self.way_out:
            lines = self.way_out.split("\n")  # it may quote what is to be written into a file
            text += ". " + "\n".join(map(shown, lines))
        return text


@contextmanager
def located(*, path: str | Path | None = None, section: str | None = None) -> Iterator[None]:
    """A block whose errors are told where they happened, as far as they do not know it better: what works on values and
    bytes knows no files, who calls it does.
    """
    try:
        yield
    except BalerError as error:
        error.path = error.path or (None if path is None else str(path))
        error.section = error.section or section
        raise


class UsageError(BalerError):
    """The request itself is wrong: an option, a name, a setting."""

    exit_status = 2


class UnknownName(UsageError, KeyError):
    """A column, table or field is asked for that is missing. It is a `KeyError`, too, as mappings raise."""


class SourceError(BalerError):
    """An input file cannot be read, or holds what is not supported."""

    exit_status = 3


class BoundBroken(BalerError):
    """A restored value misses its bound."""

    exit_status = 4


class ArchiveError(BalerError):
    """A file is not an archive that can be trusted."""

    exit_status = 5


class TruncatedArchive(ArchiveError):
    """The end of the archive is missing."""


class CorruptArchive(ArchiveError):
    """The archive's bytes differ from what was written."""


class UnsupportedVersion(ArchiveError):
    """The archive needs a newer reader."""


class MissingExtra(BalerError):
    """An optional dependency is not installed."""

    exit_status = 6

    def __init__(self, purpose: str, extra: str, package: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed",
            way_out=f"Install it with: pip install 'baler-vae[{extra}]'",
        )
        self.extra = extra
        self._given = (purpose, extra, package)

    def __reduce__(self) -> tuple[type["MissingExtra"], tuple[str, str, str]]:
        return type(self), self._given


class MissingProgram(MissingExtra):
    """An external program is not installed."""

    def __init__(self, purpose: str, program: str, way_out: str) -> None:
        BalerError.__init__(self, f"{purpose} needs {program}, which is not installed", way_out=way_out)
        self.extra = ""
        self._given = (purpose, program, way_out)


class ToleranceFailed(BalerError):
    """A declared tolerance is exceeded."""

    exit_status = 7


class OutputError(BalerError):
    """An output exists already, cannot be written, or the disk is full."""

    exit_status = 8


def listed(names: Sequence[str], limit: int = 8) -> str:
    """Names as part of a sentence: the first of them, and how many more there are."""
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def nearest(name: str, names: Iterable[str], limit: int = 5) -> str:
    """A phrase that names the known names closest to `name`, or all of them when they are few."""
    known = list(names)
    close = difflib.get_close_matches(name, known, n=limit, cutoff=0.5)
    if close:
        return "the nearest names are " + ", ".join(map(repr, close))
    if not known:
        return "there are none"
    return f"there are {listed(list(map(repr, known)), 12)}"


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """A question that names the known name closest to `name`; None where none is close. Where a known name ends with
    the whole of `name`, behind a dot, that is the one.
    """
    known = list(names)
    own = name.rpartition(".")[2]
    moved = [other for other in known if other != name and other.rpartition(".")[2] == own]
    close = moved or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if not close:
        lower = {other.lower(): other for other in known}
        close = [lower[name.lower()]] if name.lower() in lower else []
    return f"Did you mean {close[0]!r}?" if close else None


def near_file(path: str | Path) -> str | None:
    """A question that names the file that is closest to a `path` that is missing, also where a folder on its way is
    misspelled; None without any.
    """
    found = _closest(Path(path))
    return f"Did you mean {str(found)!r}?" if found is not None else None


def _closest(path: Path) -> Path | None:
    """The path that is there and differs least from one that is not, name by name."""
    try:
        folder = path.parent if path.parent.exists() else _closest(path.parent)
        if folder is None or not path.name:
            return None
        names = [other.name for other in folder.iterdir()]
    except OSError:
        return None
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.7)
    return folder / close[0] if close else None


def files_in(folder: str | Path, suffixes: Collection[str]) -> str:
    """The advice to name files in place of a folder: the first of those with one of some suffixes, or all of them."""
    try:
        found = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in suffixes)
    except OSError:
        found = []
    if not found:
        return "Name a file in it"
    pattern = Path(folder) / f"*{found[0].suffix}"
    return f"Name a file in it, such as {str(found[0])!r}, or all of a kind: '{pattern}'"
