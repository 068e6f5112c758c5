"""Where the bytes of an archive lie: in a local file, or behind a URL, of which only ranges are fetched."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Protocol
from urllib.parse import urlsplit

from baler_vae.errors import BalerError, MissingExtra, SourceError, files_in, near_file

TAIL_BYTES = 1 << 16
"""What is fetched first of a remote archive, its end: in most cases directory and manifest are in it."""

_NOT_FOUND = 404


class Storage(Protocol):
    """Bytes at known places. `path` is a URL as it was given, or a local path. Several threads may read at once."""

    path: str | Path
    n_bytes: int

    def read_at(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer only where the file ends before.

        Raises:
            SourceError: they cannot be read.
        """

    def close(self) -> None: ...


def is_url(path: str | Path) -> bool:
    """Whether a path is a URL, such as `https://host/jets.bvae` or what else fsspec knows."""
    return "://" in str(path)


def open_storage(path: str | Path) -> Storage:
    """The bytes behind a path or a URL.

    Raises:
        SourceError: there is no such file, or it cannot be read.
        MissingExtra: what fetches the URL is not installed.
    """
    return _RemoteFile(str(path)) if is_url(path) else _LocalFile(Path(path))


class _LocalFile:
    def __init__(self, path: Path) -> None:
        self.path: str | Path = path
        try:
            self._file = path.open("rb")
            self.n_bytes = self._file.seek(0, 2)
        except FileNotFoundError as error:
            raise SourceError("there is no such file", path=path, way_out=near_file(path)) from error
        except IsADirectoryError as error:
            raise SourceError("is a directory", path=path, way_out=files_in(path, (".bvae",))) from error
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror}", path=path) from error
        self._lock = Lock()

    def read_at(self, offset: int, size: int) -> bytes:
        try:
            with self._lock:
                self._file.seek(offset)
                return self._file.read(size)
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror}", path=self.path) from error

    def close(self) -> None:
        self._file.close()


class _RemoteFile:
    """A file behind a URL; each read is one request for just those bytes, but for its end, which is kept."""

    def __init__(self, url: str) -> None:
        self.path: str | Path = url
        with _failures_named(url):
            from fsspec.core import url_to_fs  # noqa: PLC0415  only for URLs

            # Else a server might send a compressed file, of which a range is of no use.
            options = {"headers": {"Accept-Encoding": "identity"}} if _is_http(url) else {}
            self._files, self._name = url_to_fs(url, **options)
            n_bytes = self._files.size(self._name)
        if n_bytes is None:
            raise self._without_ranges("the server does not tell its size")
        self.n_bytes = int(n_bytes)
        self._tail_offset = max(0, self.n_bytes - TAIL_BYTES)
        self._tail = self._fetch(self._tail_offset, self.n_bytes)

    def read_at(self, offset: int, size: int) -> bytes:
        stop = min(offset + size, self.n_bytes)
        if offset >= self._tail_offset:
            return self._tail[offset - self._tail_offset : max(0, stop - self._tail_offset)]
        return self._fetch(offset, stop)

    def close(self) -> None:
        """Nothing: fsspec shares its connections."""

    def _fetch(self, start: int, stop: int) -> bytes:
        if stop <= start:
            return b""
        with _failures_named(self.path):
            data: Any = self._files.cat_file(self._name, start=start, end=stop)
        if len(data) > stop - start:
            raise self._without_ranges("the server sends more than the bytes that it is asked for")
        if len(data) < stop - start:
            raise SourceError(
                "the server sends fewer bytes than it is asked for",
                path=self.path,
                found=f"{len(data):,} bytes",
                expected=f"bytes {start:,} to {stop:,} of {self.n_bytes:,}",
            )
        return bytes(data)

    def _without_ranges(self, what: str) -> SourceError:
        return SourceError(what, path=self.path, way_out="Download the file, and give that")


def _is_http(url: str) -> bool:
    return urlsplit(url).scheme in {"http", "https"}


@contextmanager
def _failures_named(url: str | Path) -> Iterator[None]:
    """A block in which every failure to fetch becomes an error that names the URL."""
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
            raise SourceError("there is no such file", path=url) from error
        # fsspec calls every failure to learn the size of a file one to find it; what was the matter stands behind that.
        raise SourceError(f"cannot be fetched: {_first_line(reason)}", path=url) from error


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0].strip() if text else type(error).__name__
