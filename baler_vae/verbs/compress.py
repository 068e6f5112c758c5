"""Compressing a file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, overload

import numpy as np

from baler_vae.archive.storage import name_of
from baler_vae.codec.codec import Codec
from baler_vae.errors import UsageError
from baler_vae.guarantees.definitions import Asked, Declared
from baler_vae.io.chain import Specs, file_specs, open_sources
from baler_vae.io.files import ARCHIVE_SUFFIX
from baler_vae.output import check_output, check_writable_object, copy_to_object
from baler_vae.paths import temporary_folder
from baler_vae.progress import Progress, ShownProgress, callback, shows_progress, silent
from baler_vae.reader.archive_info import ArchiveInfo
from baler_vae.scale.cluster import Client
from baler_vae.settings.model import ModelSettings
from baler_vae.source.dialect import Options
from baler_vae.source.source import Source
from baler_vae.verbs.compress_table import compress_stream, compress_table
from baler_vae.verbs.compress_tables import compress_tables
from baler_vae.verbs.in_memory import source_of
from baler_vae.verbs.naming import check_archive_name
from baler_vae.verbs.planning import shared_tables
from baler_vae.verbs.request import Request, RunRequest


@overload
def compress(source: Any, output: None = None, **options: Any) -> bytes: ...  # noqa: ANN401
@overload
def compress(source: Any, output: str | Path | BinaryIO, **options: Any) -> ArchiveInfo: ...  # noqa: ANN401
@shows_progress
def compress(
    source: Any,
    output: str | Path | BinaryIO | None = None,
    *,
    codec: Codec | str | Path | None = None,
    columns: str | Sequence[str] = (),
    bound: str | Sequence[str] = (),
    guarantees: Sequence[Asked] = (),
    quantities: Sequence[Declared] = (),
    skip_unreadable: bool = False,
    verify: bool = True,
    keep_history: bool = False,
    force: bool = False,
    resume: bool = False,
    workers: int | None = None,
    scheduler: str | Client | None = None,
    dialect: Options = None,
    settings: ModelSettings | None = None,
    progress: ShownProgress = silent,
    **model: Any,
) -> Any:
    """Compress files, or data in memory, to an archive.

    Without a `codec` one is fitted first, as `fit` does with the same arguments. With one, its columns and bounds hold,
    and the warnings say where it does not fit this file well: the archive is right all the same, only larger. They also
    name columns that are left out because they cannot be read, or are not those of the codec, what a whole HDF5 file
    holds besides its columns and takes bytes, and, where the file's own format cannot take back what was compressed,
    one that can.

    Parameters
    ----------
    source : str, Path, sequence of those, data in memory, or Source
        A file, which may name a tree, group or table behind a colon, a glob, or several files, whose events follow each
        other. Of a file of several tables, of which none is named, all are compressed, each with a codec of its own;
        several files must have the same tables. Or data in memory: a dict of arrays, a data frame, an awkward array, an
        Arrow table, an array, a tree of uproot, or batches of those.
    output : str, Path or file object, optional
        Where to: a path, or a file object that is open for writing bytes, which need not seek and stays open. Without
        it the archive is returned.
    codec : Codec, str or Path, optional
        A codec, or the file of one. It has its own columns, bounds, guarantees and model.
    columns : str or sequence of str
        Names or globs of the columns to compress; all by default. With several tables a glob concerns every table in
        which it matches, ``TABLE:GLOB`` that one; tables without any such column are left out.
    bound : str or sequence of str
        ``bits:10``, ``abs:0.01``, ``rel:1e-3``, ``exact``, ``free``, or such a bound for the columns of a glob:
        ``Jet_phi=abs:1e-4``. By default float columns get ``bits:12`` with a floor, all others are exact.
    guarantees : sequence of GuaranteeSettings, dict or str
        What is guaranteed beyond the bounds of columns, for every row and event: the decision of a cut,
        ``"(Jet_pt > 30) & (abs(Jet_eta) < 2.4)"`` or ``{"cut": "Jet_pt > 30", "at_least": 2}``, or a quantity within a
        bound of its own, ``"hypot(px, py)=rel:1e-4"`` or ``{"quantity": {"name": "pair_mass", "kind": "mass",
        "objects": ["Jet_*"], "rows": [0, 1]}, "bound": "rel:1e-3"}``, as `evaluate` computes it.
    quantities : sequence of QuantitySettings or dict
        Quantities that guarantees name: ``"pair_mass=rel:1e-3"``, ``"delta_r < 0.4"``.
    skip_unreadable : bool
        Leave out columns, and tables, that cannot be read.
    verify : bool
        Decode the archive and compare every value with its bound before the archive takes its place.
    keep_history : bool
        Keep the history of the training, which the page of an evaluation shows.
    force : bool
        Overwrite the output.
    resume : bool
        Go on where an interrupted run of the same call left off, to the same bytes; without one begin anew.
    workers, scheduler : int; str or dask.distributed.Client, optional
        Local processes, or a Dask cluster that sees the same files, that encode and verify the row groups; the bytes
        are the same.
    dialect : DialectOptions or dict, optional
        How text is written, where that cannot be found out.
    settings : ModelSettings, optional
        The model.
    progress : bool or callable
        True for a bar, or a function of (what, done, total).
    **model
        The settings of the model by their names: ``kind="vae", latent=4``.

    Returns
    -------
    ArchiveInfo, CollectionInfo or bytes
        What the archive holds, sizes in bytes, with notes on how the file was understood and warnings; or, without an
        `output`, the archive.

    Raises
    ------
    SourceError
        The file cannot be read, holds NaN, infinities or values beyond 1e150 under ``free``, or columns that no format
        could take back together.
    UsageError
        A column, a bound or a setting is wrong, the codec does not fit the file, a file object takes no bytes or is
        given as the source, or the run to be resumed was another, or read what is no longer there.
    ArchiveError
        The codec is damaged.
    OutputError
        The archive exists and `force` is false, another run is writing it, a run before was interrupted and neither
        `resume` nor `force` is true, or the archive cannot be written.
    BoundBroken
        The archive would not give back what its bounds promise; nothing is left.
    MissingExtra
        A codec must be fitted and PyTorch is not installed.

    Notes
    -----
    How text was written is kept, and comes back. What a whole HDF5 file holds besides its columns is kept too.

    Until it is verified the archive grows in the folder ``<output>.part`` beside it. A run that is killed leaves that
    behind, for `resume`, which must read what was read before. One run at a time may write an output.
    """
    request = Request.of(
        codec=codec,
        columns=columns,
        bound=bound,
        guarantees=guarantees,
        quantities=quantities,
        skip_unreadable=skip_unreadable,
        settings=settings,
        model=model,
        dialect=dialect,
        run=RunRequest(
            verify=verify,
            keep_history=keep_history,
            force=force,
            resume=resume,
            workers=workers,
            scheduler=scheduler,
        ),
    )
    told, memory = callback(progress), source_of(source)
    place = BytesIO() if output is None else output
    if memory is None:
        info = compress_files(source, place, request, told)
    else:
        info = compress_data(memory, place, request, told)
    return place.getvalue() if isinstance(place, BytesIO) and output is None else info


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def compress_files(
    source: Specs, output: str | Path | BinaryIO, request: Request, progress: Progress = silent
) -> ArchiveInfo:
    """What `compress` returns, after it did what a request asks for; the errors are those of `compress`."""
    place = _checked(output, request)
    specs = file_specs(source)
    tables = shared_tables(specs)
    if len(tables.names) > 1 and request.fit is not None and request.dialect is None:
        if isinstance(place, Path):
            return compress_tables(specs, tables, place, request, request.fit, progress)
        with temporary_folder() as folder:
            archive = folder / f"archive{ARCHIVE_SUFFIX}"
            info = compress_tables(specs, tables, archive, request, request.fit, progress)
            with archive.open("rb") as file:
                copy_to_object(file, place, name_of(place))
        return replace(info, path=str(name_of(place)))
    opened = open_sources(specs, request.dialect)
    return _compress_table(specs, opened, place, request, progress, tables.left_out)


@np.errstate(all="ignore")
def compress_data(
    source: Source, output: str | Path | BinaryIO, request: Request, progress: Progress = silent
) -> ArchiveInfo:
    """The same for a source of data in memory, of which there is no file.

    Raises:
        UsageError: what is asked for needs a file.
    """
    place, run = _checked(output, request), request.run
    for name, given in (("dialect", request.dialect), ("workers", run.workers), ("scheduler", run.scheduler)):
        if given:
            raise UsageError(
                f"{name} is for files, not for data in memory",
                path=source.path,
                way_out="Leave it out, or write the data to a file first",
            )
    return _compress_table((), source, place, request, progress, {})


def _compress_table(
    specs: Sequence[str],
    source: Source,
    place: Path | BinaryIO,
    request: Request,
    progress: Progress,
    left_out: Mapping[str, str],
) -> ArchiveInfo:
    if isinstance(place, Path):
        return compress_table(specs, source, place, request, progress, left_out=left_out)
    return compress_stream(specs, source, place, request, progress, left_out=left_out)


def _checked(output: str | Path | BinaryIO, request: Request) -> Path | BinaryIO:
    """Where an archive goes.

    Raises:
        OutputError: it exists, and is not to be overwritten or continued.
        UsageError: it is named like a table or a codec, or is a file object that is to be continued, or takes no bytes.
    """
    if not isinstance(output, str | Path):
        if request.run.resume:
            raise UsageError(
                "cannot resume into a file object", path=name_of(output), way_out="Name a file, or start again"
            )
        check_writable_object(output, name_of(output))
        return output
    place = check_output(output, force=request.run.force or request.run.resume)
    check_archive_name(place)
    return place
