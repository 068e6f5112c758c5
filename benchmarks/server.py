"""A folder behind HTTP, as a real server gives it: in ranges of bytes. It counts what it sends."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any


@dataclass
class Traffic:
    """Where a folder is served, and what went out so far: bytes, headers included, and requests for bytes as (first,
    last).
    """

    url: str = ""
    n_bytes: int = 0
    ranges: list[tuple[int, int]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def reset(self) -> None:
        """Begins to count anew."""
        self.n_bytes = 0
        self.ranges.clear()


@contextmanager
def serving(folder: Path, *, in_ranges: bool = True) -> Iterator[Traffic]:
    """The files of a folder at a port of this machine; without ranges a file is always sent whole."""
    served = Traffic()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, folder, served, in_ranges))
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    timeout = 10

    def __init__(self, folder: Path, served: Traffic, in_ranges: bool, *args: Any) -> None:
        self._folder, self._served, self._in_ranges = folder, served, in_ranges
        super().__init__(*args)

    def do_HEAD(self) -> None:
        """Tells the size of a file."""
        self._answer()

    def do_GET(self) -> None:
        """Sends a file, or a range of it."""
        start, stop, path = self._answer()
        if path is not None and stop > start:
            with path.open("rb") as file:
                file.seek(start)
                data = file.read(stop - start)
            with self._served.lock:  # before a client has it, who may ask at once what went out
                self._served.ranges.append((start, stop - 1))
            self._count(len(data))
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def flush_headers(self) -> None:
        """Sends the header, and counts it."""
        self._count(sum(map(len, self._headers_buffer)))
        super().flush_headers()

    def _answer(self) -> tuple[int, int, Path | None]:
        path = self._folder / Path(self.path.partition("?")[0]).name
        if not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return 0, 0, None
        size = path.stat().st_size
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")) if self._in_ranges else None
        start, stop = (int(found[1]), min(int(found[2]) + 1, size)) if found else (0, size)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if found else HTTPStatus.OK)
        self.send_header("Content-Length", str(stop - start))
        if self._in_ranges:
            self.send_header("Accept-Ranges", "bytes")
        if found:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        return start, stop, path

    def _count(self, n_bytes: int) -> None:
        with self._served.lock:
            self._served.n_bytes += n_bytes
