"""Archives on the way: the folder `OUT.part` beside an output, from which a run that was killed goes on."""

import hashlib
import json
import os
import shutil
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from baler_vae.archive.container import ArchiveWriter
from baler_vae.archive.continuing import whole_sections
from baler_vae.codec.codec import Codec
from baler_vae.codec.encoding import EncodedRowGroup
from baler_vae.errors import OutputError, SourceError, UsageError
from baler_vae.output import Owned, check_output, output_errors, owned, put_in_place, short_name

_ROW_GROUPS = "groups/"
_WAY_OUT = "Continue it with --resume, or start again with --force"
_BEFORE_ROWS = 2
"""Lines of `digests` before those of row groups."""
_TAIL = 1 << 16
"""Bytes at the end of an archive that tell it from all others: the digests of its sections are among them."""


@dataclass
class Unfinished:
    """The folder of an archive that is being written, which only one run at a time may touch (`owned`).

    `request.json` says what was asked for. `digests` tells what was read, a line each for what a codec was fitted on
    (empty where it was given), for what is not a column, and for the rows of each row group. `codec.bvmodel` is
    the codec that was fitted, `archive` what is written so far. `finished.json` says what the archive is that is about
    to take its place.
    """

    folder: Path
    _opened: os.stat_result | None = None

    @classmethod
    def of(cls, output: Path) -> "Unfinished":
        """The folder of an output."""
        return cls(output.with_name(f"{short_name(output)}.part"))

    @property
    def request(self) -> Path:
        return self.folder / "request.json"

    @property
    def digests(self) -> Path:
        return self.folder / "digests"

    @property
    def codec(self) -> Path:
        return self.folder / "codec.bvmodel"

    @property
    def archive(self) -> Path:
        return self.folder / "archive"

    @property
    def tables(self) -> Path:
        """The folder of the archives of a collection's tables, each finished or on its way."""
        return self.folder / "tables"

    @property
    def finished(self) -> Path:
        return self.folder / "finished.json"

    @property
    def paths(self) -> tuple[Path, ...]:
        """All that may be in the folder, and the folder."""
        return (self.archive, self.codec, self.digests, self.request, self.finished, self.folder)

    def load_codec(self) -> tuple[Codec, str] | None:
        """The codec and the digest of what it was fitted on, where the run before came so far."""
        read = self._read_digests()
        return (Codec.load(self.codec), read[0]) if read and self.codec.exists() else None

    def wrote(self) -> None:
        """Takes note that this run wrote the archive, whole."""
        self._opened = self.archive.stat()

    def save_codec(self, codec: Codec, digest: str) -> None:
        """Keeps the codec, and the digest of what it was fitted on."""
        self.digests.write_text(f"{digest}\n", "ascii")
        codec.save(self.codec, force=True)

    def begin(self, request: Mapping[str, Any]) -> None:
        """Makes the folder."""
        self.folder.mkdir()
        self.request.write_text(json.dumps(request), "utf-8")

    def read_request(self) -> object:
        """What the run before was asked for; None where it did not come so far as to say."""
        return _read_json(self.request)

    def remove(self) -> None:
        """Removes the folder, as far as it is what `begin` made; `finished.json` last, for as long as it is there the
        rest can still be removed by a run with `--resume`.
        """
        shutil.rmtree(self.tables, ignore_errors=True)
        for path in (*self.folder.glob(f".{self.codec.name}.*"), *self.paths[:-1]):
            path.unlink(missing_ok=True)
        if self.folder.is_dir():
            self.folder.rmdir()

    @contextmanager
    def writing(self, n_groups: int, path: str) -> Iterator[tuple[ArchiveWriter, "KeptDigests"]]:
        """A writer for the archive, and the digests of the row groups of `n_groups` groups that are there already; what
        was written of the next one is cut off. `path` is the source's.
        """
        sections = whole_sections(self.archive)
        first = next((i for i, section in enumerate(sections) if section.name.startswith(_ROW_GROUPS)), len(sections))
        lines = self._read_digests() or [""]
        n_kept = min((len(sections) - first) // n_groups, max(0, len(lines) - _BEFORE_ROWS))
        lines = lines[: _BEFORE_ROWS + n_kept]
        writer = ArchiveWriter(self.archive, sections[: first + n_kept * n_groups])
        self._opened = self.archive.stat()
        try:
            self.digests.write_text("".join(f"{line}\n" for line in lines), "ascii")
            with self.digests.open("a", encoding="ascii") as file:
                yield writer, KeptDigests(path, n_kept, deque(lines[1:]), file)
        finally:
            writer.close()

    def finish(self, mine: Owned, request: Mapping[str, Any]) -> None:
        """Puts the archive in its place: the one that this run opened, and no other.

        Raises:
            OutputError: somebody took it away or put another there.
        """
        mine.check()
        self.check_own()
        self.finished.write_text(json.dumps({"request": request, **_description(self.archive)}), "utf-8")
        put_in_place(self.archive, mine.path)

    def check_own(self) -> None:
        """Raise OutputError unless the archive is still the one that this run opened."""
        found = self.archive.stat() if self.archive.exists() else None
        if self._opened is None or found is None or not os.path.samestat(self._opened, found):
            raise OutputError(
                "was removed or replaced by another process while it was being written",
                path=self.archive,
                way_out="Run the command again, and leave the folder alone while it is running",
            )

    def has_finished(self, output: Path, request: Mapping[str, Any]) -> bool:
        """Whether an output is what the run of this folder put there, for that request, before it was killed."""
        if self.archive.exists() or not output.is_file():
            return False
        expected: object = json.loads(json.dumps({"request": request, **_description(output)}))
        return _read_json(self.finished) == expected

    def _read_digests(self) -> list[str]:
        """The whole lines of `digests`."""
        if not self.digests.exists():
            return []
        return self.digests.read_text("ascii", "replace").split("\n")[:-1]


@dataclass(frozen=True)
class KeptDigests:
    """The digests of what an interrupted run had read and is kept, with `n_kept` row groups, in the order in which it
    is read again; and the file for those of what comes next.
    """

    path: str
    n_kept: int
    kept: deque[str]
    file: TextIO

    def check(self, digest: str) -> None:
        """Compares what was read with what is kept of it, or takes note of it where that is nothing.

        Raises:
            UsageError: it was read from another source, or from this one before it changed.
        """
        if self.kept:
            check_same(self.path, self.kept.popleft(), digest)
        else:
            self.file.write(f"{digest}\n")
            self.file.flush()

    def checked(self, row_groups: Iterable[EncodedRowGroup]) -> Iterator[EncodedRowGroup]:
        """The same row groups, each after it was checked.

        Raises:
            UsageError: as `check`, or there are fewer than are kept.
        """
        for encoded in row_groups:
            self.check(encoded.digest)
            yield encoded
        if self.kept:
            raise _source_changed(self.path)


def check_same(path: str, before: str, now: str) -> None:
    """Check that what was read of a source has the digest of what an interrupted run had read.

    Raises:
        UsageError: it has another.
    """
    if before != now:
        raise _source_changed(path)


def _source_changed(path: str) -> UsageError:
    return UsageError(
        "its content changed since the interrupted run, though not its size or modification time",
        path=path,
        way_out="Start again with --force instead of --resume",
    )


def finished_before(output: Path, request: Mapping[str, Any]) -> bool:
    """Whether an equal run put the output in its place and was killed while it tidied up, which is done now.

    Raises:
        OutputError: another run owns the output.
    """
    with owned(output, force=True) as mine:
        work = Unfinished.of(mine.path)
        with output_errors(output, *work.paths):
            is_finished = work.has_finished(mine.path, request)
            if is_finished:
                work.remove()
        return is_finished


@contextmanager
def unfinished(output: Path, request: Mapping[str, Any], *, force: bool, resume: bool) -> Iterator[Unfinished]:
    """The folder of an output that takes its place when the block ends without an error. An error removes the folder;
    after an interrupt or a kill it stays, and a block with `resume` and an equal `request` finds it as it was left.
    So does one whose resumption is refused.

    Raises:
        OutputError: another run is writing the output; a run before was interrupted and neither `force` nor `resume` is
            true; the folder cannot be written.
        UsageError: the run to be resumed was asked for something else, or read something else.
    """
    with owned(output, force=force) as mine:
        work = Unfinished.of(mine.path)
        with output_errors(output, *work.paths):
            begins = not _continues(work, request, force=force, resume=resume)
            try:
                if begins:
                    work.remove()
                    work.begin(request)
                yield work
            except Exception as error:
                refused = isinstance(error, UsageError | SourceError) and not begins
                if mine.lock.is_held and not refused:
                    _remove_after(error, work)
                raise
            check_output(output, force=force)
            work.finish(mine, request)
            work.remove()


def _remove_after(error: Exception, work: Unfinished) -> None:
    """Removes the folder of a run that failed, also where no memory is left: what the failed calls hold is given up."""
    try:
        work.remove()
    except (OSError, MemoryError):
        for link in (error, error.__context__, error.__cause__):
            if link is not None:
                traceback.clear_frames(link.__traceback__)
        work.remove()


def _continues(work: Unfinished, request: Mapping[str, Any], *, force: bool, resume: bool) -> bool:
    """Whether there is a run to be resumed."""
    if work.folder.is_dir() and not any(work.folder.iterdir()):
        work.folder.rmdir()  # a run was killed right after it made the folder, or right before it removed it
    if work.folder.exists() and not (resume or force):
        raise OutputError("an earlier run was interrupted here", path=work.folder, way_out=_WAY_OUT)
    found = work.read_request() if resume else None
    if found is not None and found != request:
        said = found if isinstance(found, dict) else {}
        changed = [name for name in request if said.get(name) != request[name]] or sorted(said.keys() - request.keys())
        raise UsageError(
            f"the interrupted run used a different {' and a different '.join(changed)}",
            path=work.folder,
            way_out="Repeat the original request, or start again with --force instead of --resume",
        )
    return found is not None


def _description(archive: Path) -> dict[str, Any]:
    """What tells an archive from others, without reading all of it."""
    with archive.open("rb") as file:
        n_bytes = file.seek(0, os.SEEK_END)
        file.seek(max(0, n_bytes - _TAIL))
        return {"n_bytes": n_bytes, "sha256": hashlib.sha256(file.read()).hexdigest()}


def _read_json(path: Path) -> object:
    """What a file says; None where it does not exist, or was not written to its end."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
