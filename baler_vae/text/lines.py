"""The bytes of a file of delimited text on their way to a parser: decompressed, in UTF-8, without comments, blank lines
and header.
"""

import bz2
import codecs
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from baler_vae.source.dialect import WHITESPACE

CHUNK_BYTES = 1 << 22
FAILURES = (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException)
"""The exceptions that reading a damaged file raises."""

MARK = codecs.BOM_UTF8
_WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NOTEWORTHY = (b"\n\n", b"\r\r", b"\n\r", b"\n ", b"\r ", b"\n\t", b"\r\t")
"""Where lines may be blank."""
_LINE_END = re.compile(rb"\r\n|\n|\r")
_WINDOWS = re.compile(rb"[\x80-\x9f]")
"""Bytes that stand for letters in Windows-1252, and for nothing that is printed in Latin-1."""
_NOT_WINDOWS = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_MOST_LINES = 1 << 20
"""The most comments and blank lines that are kept."""


def open_bytes(path: str) -> Any:  # noqa: ANN401  a file object of Python or Arrow
    """The decompressed bytes of a file, whose first bytes identify the compression: gzip, bzip2, xz, Zstandard."""
    with Path(path).open("rb") as stream:
        magic = stream.read(10)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.open(path)
    if magic.startswith(b"BZh") and magic[4:10] == b"1AY&SY":
        return bz2.open(path)
    if magic.startswith(b"\xfd7zXZ\x00"):
        return lzma.open(path)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return pa.CompressedInputStream(pa.OSFile(path), "zstd")
    return Path(path).open("rb")


def raw_chunks(path: str) -> Iterator[bytes]:
    """The decompressed bytes of a file, in chunks."""
    with open_bytes(path) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def find_encoding(path: str) -> str:
    """How the text of a file is encoded: by its mark, or else UTF-8 where all of it is. Where not, Windows-1252 if it
    has letters that only that has, such as the euro sign, and else Latin-1; both give back each byte as it was.

    Raises:
        ValueError: it contains bytes that are not text.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    first, is_utf8, has_zeros = b"", True, False
    is_windows, is_latin = False, False
    for chunk in raw_chunks(path):
        if not first:
            first = chunk[:4]
            for mark, name in _WIDE_MARKS.items():
                if chunk.startswith(mark):
                    return name
        has_zeros |= b"\0" in chunk
        is_windows |= _WINDOWS.search(chunk) is not None
        is_latin |= _NOT_WINDOWS.search(chunk) is not None
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            is_utf8 = False
        if has_zeros and not is_utf8:
            raise ValueError("it holds bytes that are not text")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        is_utf8 = False
    if not is_utf8:
        if has_zeros:
            raise ValueError("it holds bytes that are not text")
        return "cp1252" if is_windows and not is_latin else "latin-1"
    return "utf-8-sig" if first.startswith(MARK) else "utf-8"


def is_utf8(encoding: str) -> bool:
    """Whether text of an encoding is UTF-8 as it is, but for a mark."""
    return codecs.lookup(encoding).name in {"utf-8", "utf-8-sig", "ascii"}


def text_chunks(path: str, encoding: str) -> Iterator[bytes]:
    """The text of a file in UTF-8, without a mark.

    Raises:
        ValueError: it is not encoded so.
    """
    chunks = raw_chunks(path)
    if is_utf8(encoding):
        first = next(chunks, b"")
        yield first.removeprefix(MARK)
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    for chunk in chunks:
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()


@dataclass(frozen=True)
class LineLayout:
    """What is needed to cut a file into rows. `skip` is the number of bytes before the first row where the
    rest can be parsed as it is, None where lines must be looked at. Where `spaced`, blanks behind a separator belong to
    no value.
    """

    separator: str
    encoding: str = "utf-8"
    comments: tuple[str, ...] = ()
    quote: str = '"'
    header: bool = True
    skip: int | None = None
    spaced: bool = False

    @property
    def delimiter(self) -> str:
        """What holds the values of a row apart as the parser gets it."""
        return "\t" if self.separator == WHITESPACE else self.separator


def blanks_before_values(layout: LineLayout) -> re.Pattern[bytes]:
    """A pattern that matches where the values of lines begin: the separator before one, the blanks behind that, and
    what is in quotes, as far as it goes.
    """
    quote, separator = re.escape(layout.quote.encode()), re.escape(layout.separator.encode())
    inside = rb"(?:[^%s]++|%s%s)*+" % (quote, quote, quote)
    return re.compile(rb"(^|%s)( *)(%s%s(?:%s|\Z)|)" % (separator, quote, inside, quote), re.MULTILINE)


class LineCutter:
    """Takes comments, blank lines and the header out of a text that comes in pieces. `lines` are the former, with the
    number of rows before them, -1 before the header; of very many blank lines only the first. `n_lines` is their
    number, `rows` that of rows so far.
    """

    def __init__(self, layout: LineLayout) -> None:
        self.rows = -1 if layout.header else 0
        self.header = self.header_as_written = b""
        self.lines: list[tuple[int, str]] = []
        self.n_lines = 0
        self._comments = tuple(prefix.encode() for prefix in layout.comments)
        self._quote = layout.quote.encode()
        self._squeezes = layout.separator == WHITESPACE
        self._blanks = blanks_before_values(layout) if layout.spaced else None
        self._blank = b" \t".replace(layout.separator.encode(), b"")
        quote, separator = re.escape(self._quote), re.escape(layout.separator.encode())
        self._opening = re.compile(rb"(?:^|%s)%s" % (separator, quote))
        self._closing = re.compile(rb"(?:[^%s]++|%s%s)*+%s" % (quote, quote, quote, quote))
        self._words = re.compile(rb"%s(?:[^%s]++|%s%s)*+%s(?=\s|$)|\S+" % (quote, quote, quote, quote, quote))
        self._rest = b""
        self._is_open = self._in_header = False

    def feed(self, chunk: bytes, *, last: bool = False) -> bytes:
        """The rows of the text so far that no call before gave back."""
        text = self._rest + chunk
        cut = len(text) if last else max(text.rfind(b"\n"), text.rfind(b"\r", 0, max(0, len(text) - 1))) + 1
        text, self._rest = text[:cut], text[cut:]
        place = 0
        while place < len(text) and (self.rows < 0 or self._in_header):
            end = _LINE_END.search(text, place)
            line = text[place:] if end is None else text[place : end.end()]
            place += len(line)
            self.row(line)
            self._in_header = self._in_header and self._is_open
        return self._rows(text[place:])

    def _rows(self, text: bytes) -> bytes:
        """Whole lines behind the header, without those that belong to no row."""
        if not self._is_open and not self._squeezes and not self._blanks and not self._is_noteworthy(text):
            self.rows += text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")
            self.rows += bool(text) and not text.endswith((b"\n", b"\r"))
            return text
        return b"".join(filter(None, map(self.row, text.splitlines(keepends=True))))

    def _is_noteworthy(self, text: bytes) -> bool:
        patterns = (*_NOTEWORTHY, *self._comments, self._quote)
        return text[:1] in (b" ", b"\t", b"\r", b"\n") or any(pattern in text for pattern in patterns)

    def row(self, line: bytes) -> bytes:
        """A line that belongs to a row, ready for the parser, or nothing."""
        if not self._is_open:
            stripped = line.strip(self._blank + b"\r\n")
            if not stripped or stripped.startswith(self._comments or b"\0\0"):
                self._keep(line, is_comment=bool(stripped))
                return b""
            self._in_header = self.rows < 0
            self.rows += 1
        written = line
        if self._blanks:
            line = self._without_blanks(line, self._blanks)
        if not self._squeezes:
            self._is_open = self._ends_open(line)
        elif self._quote in line:
            if line.count(self._quote) % 2:
                raise ValueError("a quoted value does not end on its line, in a file separated by white space")
            line = b"\t".join(self._words.findall(line)) + b"\n"
        else:
            line = b"\t".join(line.split()) + b"\n"
        if not self._in_header:
            return line
        self.header += line
        self.header_as_written += written
        return b""

    def _without_blanks(self, line: bytes, blanks: re.Pattern[bytes]) -> bytes:
        """A line without the blanks before its values; it may begin inside of quotes."""
        start = 0
        if self._is_open:
            closed = self._closing.match(line)
            start = len(line) if closed is None else closed.end()
        return line[:start] + blanks.sub(rb"\1\3", line[start:])

    def _keep(self, line: bytes, *, is_comment: bool) -> None:
        self.n_lines += 1
        if len(self.lines) < _MOST_LINES:
            self.lines.append((self.rows, line.rstrip(b"\r\n").decode()))
        elif is_comment:
            raise ValueError(f"it has more than {_MOST_LINES:,} comments and blank lines")

    def _ends_open(self, line: bytes) -> bool:
        """Whether a quoted value goes on in the next line."""
        place = 0
        if self._is_open:
            closed = self._closing.match(line)
            if closed is None:
                return True
            place = closed.end()
        if self._quote not in line:
            return False
        while opened := self._opening.search(line, place):
            closed = self._closing.match(line, opened.end())
            if closed is None:
                return True
            place = closed.end()
        return False


class ByteStream(io.RawIOBase):
    """A stream of bytes that come in pieces."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  a writable buffer
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        n_bytes = min(len(buffer), len(self._rest))
        buffer[:n_bytes] = self._rest[:n_bytes]
        self._rest = self._rest[n_bytes:]
        return n_bytes


def rows_of(path: str, layout: LineLayout) -> Any:  # noqa: ANN401  a file object
    """A stream of the rows of a file."""
    if layout.skip is None:
        return ByteStream(cut_rows(text_chunks(path, layout.encoding), LineCutter(layout)))
    stream = open_bytes(path)
    stream.read(layout.skip)
    return stream


def cut_rows(chunks: Iterable[bytes], cutter: LineCutter) -> Iterator[bytes]:
    """What a cutter leaves of a text."""
    for chunk in chunks:
        yield cutter.feed(chunk)
    yield cutter.feed(b"", last=True)
