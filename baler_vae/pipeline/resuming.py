"""Archives on the way: the folder `OUT.part` beside an output, from which a run that was killed goes on."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baler_vae.archive.container import ArchiveWriter
from baler_vae.archive.continuing import whole_sections
from baler_vae.errors import OutputError, UsageError
from baler_vae.io.files import file_stamp, split_spec
from baler_vae.output import output_errors, put_in_place
from baler_vae.pipeline.codec import Codec
from baler_vae.pipeline.manifests import WRITER
from baler_vae.project import ModelSettings

_ROW_GROUPS = "groups/"
_WAY_OUT = "Continue it with --resume, or start again with --force"


@dataclass(frozen=True)
class Unfinished:
    """The folder of an archive that is being written: `request.json` says what was asked for, `codec.bvmodel` is the
    codec as soon as there is one, `archive` what is written so far.
    """

    folder: Path

    @property
    def request(self) -> Path:
        return self.folder / "request.json"

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

    def load_codec(self) -> Codec | None:
        """The codec, where the run before came so far."""
        return Codec.load(self.codec) if self.codec.exists() else None

    def begin(self, request: Mapping[str, Any]) -> None:
        """Makes the folder."""
        self.folder.mkdir()
        self.request.write_text(json.dumps(request), "utf-8")

    def read_request(self) -> object:
        """What the run before was asked for; None where it did not come so far as to say."""
        try:
            return json.loads(self.request.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    def remove(self) -> None:
        """Removes the folder, as far as it is what `begin` made."""
        shutil.rmtree(self.tables, ignore_errors=True)
        for path in (self.archive, self.codec, self.request, *self.folder.glob(f".{self.codec.name}.*.part")):
            path.unlink(missing_ok=True)
        if self.folder.is_dir():
            self.folder.rmdir()

    @contextmanager
    def writing(self, n_groups: int) -> Iterator[tuple[ArchiveWriter, int]]:
        """A writer for the archive, and the number of row groups of `n_groups` groups that are there already; what was
        written of the next one is cut off.
        """
        sections = whole_sections(self.archive)
        first = next((i for i, section in enumerate(sections) if section.name.startswith(_ROW_GROUPS)), len(sections))
        n_kept = (len(sections) - first) // n_groups
        writer = ArchiveWriter(self.archive, sections[: first + n_kept * n_groups])
        try:
            yield writer, n_kept
        finally:
            writer.close()


@contextmanager
def unfinished(output: Path, request: Mapping[str, Any], *, force: bool, resume: bool) -> Iterator[Unfinished]:
    """The folder of an output that takes its place when the block ends without an error. An error removes the folder;
    after an interrupt or a kill it stays, and a block with `resume` and an equal `request` finds it as it was left.

    Raises:
        OutputError: a run before was broken off and neither `force` nor `resume` is true; the folder cannot be written.
        UsageError: the run to be resumed was asked for something else.
    """
    work = Unfinished(output.with_name(f"{output.name}.part"))
    with output_errors(output, work.folder, work.request, work.archive, work.codec):
        begins = not _continues(work, request, force=force, resume=resume)
        try:
            if begins:
                work.remove()
                work.begin(request)
            yield work
            put_in_place(work.archive, output)
        except Exception:
            work.remove()
            raise
        work.remove()


def _continues(work: Unfinished, request: Mapping[str, Any], *, force: bool, resume: bool) -> bool:
    """Whether there is a run to be resumed."""
    if work.folder.exists() and not (resume or force):
        raise OutputError("an earlier run was broken off here", path=work.folder, way_out=_WAY_OUT)
    found = work.read_request() if resume else None
    if found is not None and found != request:
        said = found if isinstance(found, dict) else {}
        changed = [name for name in request if said.get(name) != request[name]] or sorted(said.keys() - request.keys())
        raise UsageError(
            f"the run that was broken off had another {' and another '.join(changed)}",
            path=work.folder,
            way_out="Ask for the same again, or start again with --force instead of --resume",
        )
    return found is not None


def describe_request(
    specs: Sequence[str],
    *,
    columns: tuple[str, ...],
    bound: tuple[str, ...],
    skip_unreadable: bool,
    keep_history: bool,
    model: ModelSettings,
    codec: Codec | None,
) -> dict[str, Any]:
    """What a run depends on, in plain values: where one differs, another archive would come out."""
    stamps = [file_stamp(spec) or (None, None) for spec in specs]
    return {
        "source": [_whole_path(spec) for spec in specs],
        "size": [size for size, _ in stamps],
        "modification time": [time for _, time in stamps],
        "choice of columns": list(columns),
        "bound": list(bound),
        "way with unreadable columns": skip_unreadable,
        "way with the history": keep_history,
        "model": None if codec else model.model_dump(mode="json"),
        "codec": None if codec is None else hashlib.sha256(codec.to_bytes()).hexdigest(),
        "version": WRITER,
    }


def _whole_path(spec: str) -> str:
    """A file, by its whole path where it is local, and what is named in it."""
    path, inner = split_spec(spec)
    return f"{path if '://' in path else Path(path).resolve()}:{inner}"
