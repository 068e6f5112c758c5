"""Where the bytes of an archive are: in a local file, behind a URL, of which only ranges are fetched, in memory, or in
a file object that somebody opened.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlsplit

from baler_vae.errors import BalerError, MissingExtra, SourceError, UsageError, files_in, near_file

TAIL_BYTES = 1 << 16
"""What is fetched first of a remote archive: its end, which usually contains directory and manifest."""

Place = str | Path | bytes | BinaryIO
"""Where an archive is read from: a path or a URL, its bytes, or a seekable file object open for reading them."""

_NOT_FOUND = 404


class Storage(Protocol):
    """Bytes at known places. `path` is a URL as it was given, a local path, or what errors call bytes or a file object.
    Several threads may read at once, and so may processes that were forked, but for those that share a file object.
    """

    path: str | Path
    n_bytes: int

    @property
    def closed(self) -> bool: ...

    def read_at(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer only where the file ends before.

        Raises:
            SourceError: they cannot be read.
            UsageError: the storage is closed.
        """

    def close(self) -> None: ...


def closed_error(path: str | Path) -> UsageError:
    """The error for reading from a closed archive."""
    return UsageError("the archive is closed", path=path, way_out="Open it again, or read inside its `with` block")


def is_url(path: str | Path) -> bool:
    """Whether a path is a URL, such as `https://host/jets.bvae` or what else fsspec knows."""
    return "://" in str(path)


def name_of(place: Place) -> str | Path:
    """What errors call a place: a path or a URL as it is, a file object by its name where it has one."""
    if isinstance(place, str | Path):
        return place
    name = getattr(place, "name", None)  # a number, where it was opened by one
    return name if isinstance(name, str) else f"<{type(place).__name__}>"


def open_storage(place: Place) -> Storage:
    """The bytes of a place. A file object stays open when the storage is closed; the caller closes it.

    Raises:
        SourceError: there is no such file, or it cannot be read.
        UsageError: a file object is not seekable, or opened in text mode.
        MissingExtra: what fetches the URL is not installed.
    """
    if isinstance(place, bytes | bytearray | memoryview):
        return _Memory(bytes(place))
    if isinstance(place, str | Path):
        return _RemoteFile(str(place)) if is_url(place) else _LocalFile(Path(place))
    if not hasattr(place, "read"):
        expected = "a path, a URL, bytes or a file object"
        raise UsageError("is no place of an archive", path=name_of(place), expected=expected)
    return _FileObject(place)


class _Memory:
    def __init__(self, data: bytes) -> None:
        self.path: str | Path = name_of(data)
        self.closed = False
        self.n_bytes = len(data)
        self._data = data

    def read_at(self, offset: int, size: int) -> bytes:
        if self.closed:
            raise closed_error(self.path)
        return self._data[offset : offset + size]

    def close(self) -> None:
        self.closed = True
        self._data = b""


class _FileObject:
    """The bytes of a seekable file object; one thread reads at a time, as they share its place."""

    def __init__(self, file: BinaryIO) -> None:
        self.path = name_of(file)
        self._file, self._lock, self._closed = file, Lock(), False
        if not file.seekable():
            raise UsageError("is a file object that is not seekable", path=self.path, way_out="Pass its bytes instead")
        with _failures_told(self.path):
            if not isinstance(file.read(0), bytes):
                raise UsageError("is a file object opened in text mode", path=self.path, way_out="Open it with 'rb'")
            self.n_bytes = file.seek(0, os.SEEK_END)

    @property
    def closed(self) -> bool:
        return self._closed or self._file.closed

    def read_at(self, offset: int, size: int) -> bytes:
        pieces: list[bytes] = []
        with self._lock, _failures_told(self.path):
            if self.closed:
                raise closed_error(self.path)
            self._file.seek(offset)
            while size > 0 and (piece := self._file.read(size)):
                pieces.append(piece)
                size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        self._closed = True


class _Descriptor:
    """A file descriptor, closed when nobody holds it any more: a thread that is reading keeps it open, so that its
    number cannot come to mean another file meanwhile. There is no lock that a forked child could find taken.
    """

    def __init__(self, path: Path) -> None:
        # Without O_NONBLOCK a named pipe would wait for someone to write into it.
        self.number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


class _LocalFile:
    def __init__(self, path: Path) -> None:
        self.path: str | Path = path
        with _failures_told(path):
            self._descriptor: _Descriptor | None = _Descriptor(path)
            status = os.fstat(self._descriptor.number)
        if stat.S_ISDIR(status.st_mode):
            raise SourceError("is a directory", path=path, way_out=files_in(path, (".bvae",)))
        if not stat.S_ISREG(status.st_mode):
            raise SourceError("is not a regular file", path=path, way_out="Copy its content to a file first")
        self.n_bytes = status.st_size

    @property
    def closed(self) -> bool:
        return self._descriptor is None

    def read_at(self, offset: int, size: int) -> bytes:
        descriptor = self._descriptor
        if descriptor is None:
            raise closed_error(self.path)
        pieces: list[bytes] = []
        with _failures_told(self.path):
            # The offset belongs to the call, not to the descriptor, which forked processes share.
            while size > 0 and (piece := os.pread(descriptor.number, size, offset)):
                pieces.append(piece)
                offset, size = offset + len(piece), size - len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        self._descriptor = None


@contextmanager
def _failures_told(path: str | Path) -> Iterator[None]:
    """A context in which every system error becomes one that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise SourceError("does not exist", path=path, way_out=near_file(path)) from error
    except MemoryError as error:
        raise SourceError("there is not enough memory to read it", path=path) from error
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror or error}", path=path) from error


class _RemoteFile:
    """A file behind a URL; each read is one request for just those bytes, but for its end, which is kept."""

    def __init__(self, url: str) -> None:
        self.path: str | Path = url
        self.closed = False
        self._connect()
        with _failures_named(url):
            n_bytes = self._files.size(self._name)
        if n_bytes is None:
            raise self._without_ranges("the server does not report its size")
        self.n_bytes = int(n_bytes)
        self._tail_offset = max(0, self.n_bytes - TAIL_BYTES)
        self._tail = self._fetch(self._tail_offset, self.n_bytes)

    def read_at(self, offset: int, size: int) -> bytes:
        if self.closed:
            raise closed_error(self.path)
        stop = min(offset + size, self.n_bytes)
        if offset >= self._tail_offset:
            return self._tail[offset - self._tail_offset : max(0, stop - self._tail_offset)]
        return self._fetch(offset, stop)

    def close(self) -> None:
        self.closed = True  # the connections are shared by all that fsspec has open

    def _connect(self) -> None:
        with _failures_named(self.path):
            from fsspec.core import url_to_fs  # noqa: PLC0415  only for URLs

            # Else a server might send a compressed file, of which a range is of no use.
            options = {"headers": {"Accept-Encoding": "identity"}} if _is_http(str(self.path)) else {}
            self._process = os.getpid()
            self._files, self._name = url_to_fs(str(self.path), **options)

    def _fetch(self, start: int, stop: int) -> bytes:
        if stop <= start:
            return b""
        if self._process != os.getpid():
            self._connect()  # connections, and the thread that serves them, do not outlive a fork
        with _failures_named(self.path):
            data: Any = self._files.cat_file(self._name, start=start, end=stop)
        if len(data) > stop - start:
            raise self._without_ranges("the server sends more bytes than requested")
        if len(data) < stop - start:
            raise SourceError(
                "the server sent fewer bytes than requested",
                path=self.path,
                found=f"{len(data):,} bytes",
                expected=f"bytes {start:,} to {stop:,} of {self.n_bytes:,}",
            )
        return bytes(data)

    def _without_ranges(self, what: str) -> SourceError:
        return SourceError(what, path=self.path, way_out="Download the file and open that")


def _is_http(url: str) -> bool:
    return urlsplit(url).scheme in {"http", "https"}


@contextmanager
def _failures_named(url: str | Path) -> Iterator[None]:
    """A context in which every failure to fetch becomes an error that names the URL."""
    try:
        yield
    except BalerError:
        raise
    except ImportError as error:
        if _is_http(str(url)):
            raise MissingExtra(f"{url}: reading over HTTP", "remote", "aiohttp") from error
        raise SourceError(f"cannot be fetched: {_first_line(error)}", path=url) from error
    except Exception as error:
        reason = error.__cause__ if isinstance(error, FileNotFoundError) else error
        if reason is None or getattr(reason, "status", None) == _NOT_FOUND:
            raise SourceError("does not exist", path=url) from error
        # fsspec calls every failure to learn the size of a file one to find it; the actual reason is its cause.
        raise SourceError(f"cannot be fetched: {_first_line(reason)}", path=url) from error


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0].strip() if text else type(error).__name__
