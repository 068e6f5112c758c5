"""How a file of delimited text is written: what a user may specify, and what was detected. It is stored in archives as
a small JSON document.
"""

import codecs
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from baler_vae.errors import UsageError
from baler_vae.source.documents import VERSION, read_document

WHITESPACE = r"\s+"
"""The separator of columns that any run of spaces and tabs holds apart, as pandas calls it."""

SCAN = "*"
"""The separator of the tables that `TTree::Scan` of ROOT prints."""

NULLS = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
)
"""The words that stand for a missing value unless they are quoted: those of pandas."""

_SEPARATORS = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "\\t": "\t",
    "pipe": "|",
    "space": " ",
    "whitespace": WHITESPACE,
    WHITESPACE: WHITESPACE,
}
_LINE_ENDS = ("\n", "\r\n", "\r")
_QUOTES = ('"', "'")
_TRAILING = ("", "rows", "all")
_LARGEST_WIDTH = 1 << 12


@dataclass(frozen=True, kw_only=True)
class DialectOptions:
    """What a user specifies of a file of delimited text; None is detected.

    Parameters
    ----------
    separator : str, optional
        One character, its name (``comma``, ``semicolon``, ``tab``, ``pipe``, ``space``), or ``whitespace`` for runs of
        spaces and tabs.
    header : {"first", "none"}, optional
        Whether the first row has the names.
    comment : str, optional
        What comment lines begin with, or ``none``.
    decimal : {".", ","}, optional
        The decimal point.
    encoding : str, optional
        An encoding that Python knows.

    Raises
    ------
    UsageError
        An option has a wrong value.
    """

    separator: str | None = None
    header: str | None = None
    comment: str | None = None
    decimal: str | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        separator = self.separator and _SEPARATORS.get(self.separator, self.separator)
        object.__setattr__(self, "separator", separator)
        if separator is not None and separator != WHITESPACE and not _is_separator(separator):
            raise UsageError(
                f"invalid separator {self.separator!r}", expected="one character, or comma, semicolon, tab, whitespace"
            )
        if self.header not in {None, "first", "none"}:
            raise UsageError(f"invalid header {self.header!r}", expected="first or none")
        if self.comment is not None and (not self.comment.strip() or not self.comment.isprintable()):
            raise UsageError(f"invalid comment {self.comment!r}", expected="what comment lines begin with, or none")
        if self.decimal not in {None, ".", ","}:
            raise UsageError(f"invalid decimal {self.decimal!r}", expected=". or ,")
        if self.encoding is not None and not _is_encoding(self.encoding):
            raise UsageError(f"unknown encoding {self.encoding!r}", expected="one such as utf-8, latin-1 or cp1252")

    @property
    def comments(self) -> tuple[str, ...] | None:
        """What comment lines begin with; None where that is to be detected."""
        if self.comment is None:
            return None
        return () if self.comment == "none" else (self.comment,)

    def given(self) -> dict[str, str]:
        """The options that were given."""
        found = {option.name: getattr(self, option.name) for option in fields(self)}
        return {name: value for name, value in found.items() if value is not None}


Options = DialectOptions | Mapping[str, str | None] | None


def dialect_options(options: Options) -> DialectOptions | None:
    """The options, also from a mapping with their names as keys; None where nothing is specified.

    Raises:
        UsageError: an option is unknown or has a wrong value.
    """
    if options is None or isinstance(options, DialectOptions):
        return options if options is not None and options.given() else None
    known = [option.name for option in fields(DialectOptions)]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise UsageError(f"unknown option {unknown[0]!r} of a CSV file", expected=f"one of {', '.join(known)}")
    wrong = [name for name, value in options.items() if not isinstance(value, str | None)]
    if wrong:
        raise UsageError(f"option {wrong[0]!r} of a CSV file", found=repr(options[wrong[0]]), expected="text")
    return dialect_options(DialectOptions(**options))


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, kw_only=True, eq=False)
class Dialect:
    """How a file was written. The defaults are what `DataFrame.to_csv(index=False)` of pandas writes.

    `names` are the header's cells of columns that are called otherwise here, such as the unnamed index of pandas;
    `short_header` says that the header lacks the cell of the first column, as R writes it, and `header_text` is the
    header as it is written where that does not follow. By column, `missing` is how a missing value is spelled, quotes
    included, `booleans` how true and false are; `grouped` columns have a mark between thousands, `quoted` ones quotes
    around each value, and no value has one of the letters of `quoting` without quotes. `leading` says whether rows
    begin with a separator, `trailing` whether rows, or rows and header (`all`), end with one, `spaced` whether a blank
    stands behind each separator. `widths` are those of
    columns held apart by white space, negative where values stand on the left, or of numbers padded between separators.
    `lines` are comments and blank lines, each with the number of rows before it, -1 before the header. `told` are the
    options that the user gave.
    """

    separator: str = ","
    header: bool = True
    names: Mapping[str, str] = field(default_factory=_nothing)
    short_header: bool = False
    decimal: str = "."
    thousands: str = ""
    grouped: tuple[str, ...] = ()
    encoding: str = "utf-8"
    line_end: str = "\n"
    quote: str = '"'
    quoted: tuple[str, ...] = ()
    quoting: str = ""
    quoted_header: bool = False
    header_text: str = ""
    missing: Mapping[str, str] = field(default_factory=_nothing)
    booleans: Mapping[str, tuple[str, str]] = field(default_factory=_nothing)
    trailing: str = ""
    leading: bool = False
    spaced: bool = False
    widths: tuple[int, ...] = ()
    lines: tuple[tuple[int, str], ...] = ()
    told: Mapping[str, str] = field(default_factory=_nothing)

    def to_bytes(self) -> bytes:
        """The dialect as JSON, without what is as pandas writes it; nothing where all of it is."""
        found = {entry.name: _plain(getattr(self, entry.name)) for entry in fields(self)}
        kept = {name: value for name, value in found.items() if value != _DEFAULTS[name]}
        return json.dumps({"version": VERSION, **kept}, sort_keys=True).encode() if kept else b""

    @classmethod
    def from_bytes(cls, content: bytes) -> "Dialect":
        """The dialect of a JSON document, which comes from an archive.

        Raises:
            ValueError: it is malformed.
        """
        if not content:
            return cls()
        document = read_document(content, _CHECKS)
        for name, value in document.items():
            if not _CHECKS[name](value):
                raise ValueError(f"{name!r} of a dialect is {str(value)[:40]!r}")
        lines = tuple((int(row), text) for row, text in document.pop("lines", ()))
        booleans = {name: (words[0], words[1]) for name, words in document.pop("booleans", {}).items()}
        known: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in document.items()
        }
        return cls(**known, lines=lines, booleans=booleans)

    def options(self) -> DialectOptions | None:
        """The options that the user gave for the file, so that it, or what was restored of it, is read as it was."""
        return dialect_options(self.told)

    def describe(self) -> str:
        """What sets the file apart from the plainest one, for the user; nothing where it is that."""
        names = {"\t": "tab", " ": "space", WHITESPACE: "white space"}
        said = []
        if self.separator != "," or self.spaced:
            name = names.get(self.separator, repr(self.separator))
            said.append(f"separator {name}" + " and a blank" * self.spaced)
        if self.decimal != ".":
            said.append("decimal comma")
        if self.thousands:
            said.append(f"thousands separator {self.thousands!r}")
        if self.encoding != "utf-8":
            encodings = {"utf-8-sig": "UTF-8 with a byte order mark", "latin-1": "Latin-1", "cp1252": "Windows-1252"}
            said.append(encodings.get(self.encoding, self.encoding))
        if not self.header:
            said.append("no header")
        comments = sum(bool(text.strip()) for _, text in self.lines)
        if comments:
            said.append(f"{comments:,} comment line{'s' if comments > 1 else ''}")
        if self.quote != '"':
            said.append(f"quotes {self.quote}")
        if self.line_end != "\n":
            said.append(f"line ends {'CRLF' if self.line_end != chr(13) else 'CR'}")
        unnamed = [name for name, cell in self.names.items() if not cell.strip()]
        if self.header and unnamed:
            said.append(f"column without a name read as {', '.join(map(repr, unnamed[:4]))}")
        return ", ".join(said)


def joined_dialects(contents: Sequence[bytes]) -> tuple[bytes, str]:
    """The dialect of files that are joined to one, each as JSON: that of the first, which spells what is missing or
    true as the first file that says so, and is UTF-8, which has all letters, where they are not encoded alike; and a
    sentence where something of the others is not kept.
    """
    first, *others = map(Dialect.from_bytes, contents)
    missing: dict[str, str] = {}
    booleans: dict[str, tuple[str, str]] = {}
    for dialect in reversed((first, *others)):
        missing |= dialect.missing
        booleans |= dialect.booleans
    encodings = {dialect.encoding for dialect in (first, *others)}
    encoding = first.encoding if len(encodings) == 1 else "utf-8"
    joined = replace(first, missing=missing, booleans=booleans, encoding=encoding)
    others = [replace(own, missing=missing, booleans=booleans) for own in others]
    same = all(own.to_bytes() == joined.to_bytes() for own in others)
    note = "several files become one, written like the first; comment lines of the others are dropped"
    return joined.to_bytes(), "" if same else note


def _plain(value: Any) -> Any:  # noqa: ANN401  what JSON holds
    if isinstance(value, Mapping):
        return {name: _plain(own) for name, own in value.items()}
    return list(map(_plain, value)) if isinstance(value, tuple) else value


_DEFAULTS = {entry.name: _plain(getattr(Dialect(), entry.name)) for entry in fields(Dialect)}


def _is_separator(text: object) -> bool:
    return isinstance(text, str) and len(text) == 1 and text.isascii() and text not in "\r\n\"'\0"


def _is_encoding(name: object) -> bool:
    """Whether text can be encoded so."""
    if not isinstance(name, str):
        return False
    try:
        "a,1\n".encode(name)
        known = codecs.lookup(name)
    except (LookupError, ValueError):
        return False
    return known.incrementaldecoder is not None and known.incrementalencoder is not None


def _is_line(text: object) -> bool:
    return isinstance(text, str) and not set(text) & {"\r", "\n"}


def _is_of(*texts: str) -> Any:  # noqa: ANN401  a check
    return lambda value: isinstance(value, str) and value in texts


def _are_lines(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_line, value))


def _is_mapping(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_line, value.values()))


def _are_places(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, list) and len(entry) == 2 and type(entry[0]) is int and _is_line(entry[1]) for entry in value
    )


def _are_pairs(value: object) -> bool:
    return isinstance(value, dict) and all(_are_lines(pair) and len(pair) == 2 for pair in value.values())


def _are_widths(value: object) -> bool:
    return isinstance(value, list) and all(type(width) is int and abs(width) <= _LARGEST_WIDTH for width in value)


def _are_options(value: object) -> bool:
    try:
        return isinstance(value, dict) and dialect_options(value) is not None
    except UsageError:
        return False


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


_CHECKS: Mapping[str, Any] = {
    "separator": lambda value: value == WHITESPACE or _is_separator(value),
    "header": _is_flag,
    "names": lambda value: isinstance(value, dict) and all(isinstance(cell, str) for cell in value.values()),
    "short_header": _is_flag,
    "decimal": _is_of(".", ","),
    "thousands": _is_of(".", ","),
    "grouped": _are_lines,
    "encoding": _is_encoding,
    "line_end": _is_of(*_LINE_ENDS),
    "quote": _is_of(*_QUOTES),
    "quoted": lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
    "quoting": _is_line,
    "quoted_header": _is_flag,
    "header_text": lambda value: isinstance(value, str),
    "missing": _is_mapping,
    "booleans": _are_pairs,
    "trailing": _is_of(*_TRAILING),
    "leading": _is_flag,
    "spaced": _is_flag,
    "widths": _are_widths,
    "lines": _are_places,
    "told": _are_options,
}
"""Whether a value of a document, by name, is what a dialect can have."""
