"""Many files, each into one of its own."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from baler_vae.codec.codec import Codec
from baler_vae.errors import UsageError, listed
from baler_vae.io.chain import Specs, file_specs, open_sources
from baler_vae.io.files import ARCHIVE_SUFFIX, holds_tables, split_spec, stem_of, suffix_of
from baler_vae.output import check_output
from baler_vae.paths import check_writable, made_folder
from baler_vae.progress import Progress, silent, within
from baler_vae.reader.archive import Archive
from baler_vae.reader.collection import is_collection
from baler_vae.reader.collection import open as open_archive
from baler_vae.scale.cluster import Client, cluster, on_cluster
from baler_vae.scale.parallel import one_thread
from baler_vae.source.dialect import Options
from baler_vae.verbs.compress import compress
from baler_vae.verbs.decompress import decompress
from baler_vae.verbs.fit import fit
from baler_vae.verbs.tables import file_name

SUFFIXES: Mapping[str, str] = {
    "root": ".root",
    "csv": ".csv",
    "parquet": ".parquet",
    "hdf5": ".h5",
    "npz": ".npz",
    "npy": ".npy",
    "feather": ".feather",
    "memory": ".parquet",
}
"""The suffix of each format."""


def compress_each(
    sources: Specs,
    folder: str | Path,
    *,
    codec: Codec | str | Path | None = None,
    verify: bool = True,
    keep_history: bool = False,
    force: bool = False,
    resume: bool = False,
    workers: int | None = None,
    scheduler: str | Client | None = None,
    dialect: Options = None,
    progress: Progress = silent,
    **fitting: Any,
) -> list[dict[str, Any]]:
    """Writes an archive of every file into a folder, `<name>.bvae`, all with one codec, and returns what `compress`
    says of each. Without a `codec` one is fitted on the events of all files. Archives of that codec
    that are there already are left out with `resume`.

    Raises:
        UsageError: two files have one name.
        BalerError: as `fit` and `compress`.
    """
    specs = file_specs(sources)
    outputs = _outputs(specs, folder, [ARCHIVE_SUFFIX] * len(specs))
    with _ready(folder):
        for output in outputs:
            check_output(output, force=force or resume)
        if codec is None:
            codec = fit(open_sources(specs, dialect), progress=within(progress, "fitting"), **fitting)
        elif fitting:
            raise UsageError("a codec has its own columns, bounds and model", way_out="Leave them out, or the codec")
        codec = codec if isinstance(codec, Codec) else Codec.load(codec)
        options: dict[str, Any] = {"codec": codec, "verify": verify, "keep_history": keep_history}
        options |= {"force": force, "dialect": dialect}
        with cluster(workers, scheduler) as client:
            return [
                compress(
                    spec,
                    output,
                    resume=resume,
                    scheduler=client,
                    progress=within(progress, f"file {number}/{len(specs)}"),
                    **options,
                )
                for number, (spec, output) in enumerate(zip(specs, outputs, strict=True), 1)
                if not (resume and output.exists() and _is_of(codec, output))
            ]


def decompress_each(
    archives: Sequence[str | Path],
    folder: str | Path,
    *,
    to: str | None = None,
    columns: str | Sequence[str] = (),
    rntuple: bool = False,
    force: bool = False,
    workers: int | None = None,
    scheduler: str | Client | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Restores every archive to a file of its own in a folder, in the format that it came from or `to` another one of
    `SUFFIXES`, and returns their paths. Each is one task for a worker. An archive of several tables becomes a file for
    each, `<name>_<table>`, where a file of the format holds one.

    Raises:
        UsageError: two archives have one name, or the format is unknown.
        BalerError: as `decompress`.
    """
    if to is not None and to not in SUFFIXES:
        raise UsageError(f"unknown file format {to!r}", expected=f"one of {', '.join(SUFFIXES)}")
    names = [name for archive in archives for name in _restored_alone(str(archive), to)]
    outputs = _outputs(names, folder, [SUFFIXES[to or _format_of(name)] for name in names])
    options = {"columns": columns, "rntuple": rntuple, "force": force}
    tasks = [(name, output, options) for name, output in zip(names, outputs, strict=True)]
    with _ready(folder), cluster(workers, scheduler) as client:
        done = on_cluster(client, _decompress_alone, tasks) if client else (_decompress(*task) for task in tasks)
        for number, output in enumerate(done, start=1):
            progress(f"restoring files ({output.name})", number, len(tasks))
    return outputs


def _is_of(codec: Codec, output: Path) -> bool:
    """Whether an archive was written with a codec, told by what its fit says of itself."""
    with Archive(output) as archive:
        found = archive.manifest.settings, archive.manifest.fits
    return json.dumps(found, sort_keys=True) == json.dumps((codec.settings, codec.fits), sort_keys=True)


def _decompress(archive: str, output: Path, options: Mapping[str, Any]) -> Path:
    decompress(archive, output, **options)
    return output


def _decompress_alone(archive: str, output: Path, options: Mapping[str, Any]) -> Path:
    with one_thread():
        return _decompress(archive, output, options)


def _format_of(archive: str) -> str:
    with open_archive(archive) as opened:
        return str(opened.schema.origin.format if isinstance(opened, Archive) else opened.manifest.tables[0].format)


def _restored_alone(archive: str, to: str | None) -> list[str]:
    """An archive, or its tables where a file of the format would hold but one of them."""
    if not is_collection(archive) or holds_tables(f"file{SUFFIXES[to or _format_of(archive)]}"):
        return [archive]
    with open_archive(archive) as opened:
        return [f"{archive}:{name}" for name in opened]


def _stem(spec: str) -> str:
    """The name of a file without its suffix, with that of a table of an archive."""
    place, inner = split_spec(spec)
    stem = stem_of(place)
    return f"{stem}_{file_name(inner)}" if inner and suffix_of(place) == ARCHIVE_SUFFIX else stem


@contextmanager
def _ready(folder: str | Path) -> Iterator[None]:
    """A block with a folder that can be written to; where it is made for a block that fails, it goes again."""
    with made_folder(Path(folder)):
        check_writable(Path(folder))
        yield


def _outputs(specs: Sequence[str], folder: str | Path, suffixes: Sequence[str]) -> list[Path]:
    """The path of the output of each file in a folder."""
    folder = Path(folder)
    stems = [_stem(spec) for spec in specs]
    twice = sorted(stem for stem, times in Counter(stems).items() if times > 1)
    if twice:
        raise UsageError(
            f"several files would be called the same: {listed(twice)}",
            path=folder,
            way_out="Compress them in several runs, to several folders",
        )
    return [folder / f"{stem}{suffix}" for stem, suffix in zip(stems, suffixes, strict=True)]
