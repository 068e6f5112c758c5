"""Compressing a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from baler_vae.codec.codec import Codec
from baler_vae.io.chain import Specs, file_specs, open_sources
from baler_vae.output import check_output
from baler_vae.progress import Progress, ShownProgress, callback, shows_progress, silent
from baler_vae.reader.archive_info import ArchiveInfo
from baler_vae.scale.cluster import Client
from baler_vae.settings.model import ModelSettings
from baler_vae.source.dialect import Options
from baler_vae.verbs.compress_table import compress_table
from baler_vae.verbs.compress_tables import compress_tables
from baler_vae.verbs.naming import check_archive_name
from baler_vae.verbs.planning import shared_tables
from baler_vae.verbs.request import Request, RunRequest


@shows_progress
def compress(
    source: Specs,
    output: str | Path,
    *,
    codec: Codec | str | Path | None = None,
    columns: str | Sequence[str] = (),
    bound: str | Sequence[str] = (),
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
) -> ArchiveInfo:
    """Writes the archive of a file, or of all events of several files, one after the other, and returns what `info`
    says of it, with `notes` on how the file was understood, and `warnings`. A file may be a glob.

    Without a `codec` one is fitted first, as `fit` does with the same arguments. With one, its columns and bounds hold,
    and the warnings say where it does not fit this file well: the archive is right all the same, only larger. They also
    name columns of the file that are left out because they cannot be read, or are not those of the codec. What a whole
    HDF5 file holds beside its columns is kept too, and a warning names what takes bytes there. Another one tells where
    the file's own format cannot take back what was compressed, and which can.

    Of a file of several tables, of which none is named behind a colon, all are compressed, each with a codec of its
    own, and the archive is a `Collection`; several files must have the same tables. A glob of columns concerns every
    table in which it matches, `TABLE:GLOB` that one; tables without any such column are left out, and so are, with
    `skip_unreadable`, those that cannot be read.

    A `dialect` is that of `fit`; how text was written is kept, and comes back.

    With `verify` the archive is decoded and every value compared before it takes its place. With `keep_history` it
    holds the history of the training, which the page of an evaluation shows.

    With so many local `workers`, or with the `scheduler` of a Dask cluster (its address, or a client) that sees the
    same files, those encode and verify the row groups; the bytes are the same.

    Until then it grows in the folder `<output>.part` beside it. A run that is killed or interrupted leaves that behind,
    and the same call with `resume` goes on from there to the same bytes; without one to resume it begins anew. What is
    read again must be what was read before. One run at a time may write an output.

    Raises:
        SourceError: the file cannot be read, holds NaN, infinities or values beyond 1e150 under `free`, or columns that
            no format could take back together.
        UsageError: a column, a bound or a setting is wrong, the codec does not fit the file, or the run to be resumed
            was another, or read what is no longer there.
        OutputError: the archive exists and `force` is false, another run is writing it, a run before was interrupted
            and neither `resume` nor `force` is true, or the archive cannot be written.
        BoundBroken: the archive would not give back what its bounds promise; nothing is left.
        MissingExtra: a codec must be fitted and PyTorch is not installed.
    """
    request = Request.of(
        codec=codec,
        columns=columns,
        bound=bound,
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
    return compress_files(source, output, request, callback(progress))


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def compress_files(source: Specs, output: str | Path, request: Request, progress: Progress = silent) -> ArchiveInfo:
    """What `compress` returns, after it did what a request asks for; the errors are those of `compress`."""
    output = check_output(output, force=request.run.force or request.run.resume)
    check_archive_name(output)
    specs = file_specs(source)
    tables = shared_tables(specs)
    if len(tables.names) > 1 and request.fit is not None and request.dialect is None:
        return compress_tables(specs, tables, output, request, request.fit, progress)
    opened = open_sources(specs, request.dialect)
    return compress_table(specs, opened, output, request, progress, left_out=tables.left_out)
