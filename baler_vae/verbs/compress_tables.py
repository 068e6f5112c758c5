"""Files of several tables on their way to one archive: each table becomes an archive of its own first."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from baler_vae.errors import OutputError
from baler_vae.io.files import ARCHIVE_SUFFIX
from baler_vae.io.sizes import bytes_on_disk
from baler_vae.progress import Progress, within
from baler_vae.reader.archive_info import ArchiveInfo, SourceInfo
from baler_vae.scale.cluster import cluster
from baler_vae.source.source import Tables
from baler_vae.verbs.compress_table import compress_table
from baler_vae.verbs.planning import Plan, Planned, plan_tables
from baler_vae.verbs.remarks import left_out_remark
from baler_vae.verbs.request import FitRequest, Request, RunRequest
from baler_vae.verbs.resuming import finished_before, unfinished
from baler_vae.verbs.tables import in_table, info_of
from baler_vae.verbs.writing import write_collection


def compress_tables(
    specs: Sequence[str], tables: Tables, output: Path, request: Request, fit: FitRequest, progress: Progress
) -> ArchiveInfo:
    """Writes the archive of several tables, for each of which an archive is made first, in the folder
    `<output>.part/tables`; what is there already is not made again. Where one table only is left, it is the archive of
    that. Gives what `info` says of it, `notes` and `warnings`. `fit` is what the request asks of the codecs.

    Raises:
        BalerError: as `compress`; a table that cannot be read is named.
    """
    planned = plan_tables(specs, tables, fit)
    plans, run = planned.tables, request.run
    notes: list[str] = []
    warnings = left_out_remark(planned.left_out)
    if len(plans) == 1:
        info = _compress(plans[0], specs, output, run, progress)
        return _with_warnings(info, warnings)
    described = request.described(specs, [plan.name for plan in plans])
    if run.resume and finished_before(output, described):
        return replace(info_of(output), source=_told(specs, planned, [], warnings))
    with (
        unfinished(output, described, force=run.force, resume=run.resume) as work,
        cluster(run.workers, run.scheduler) as client,
    ):
        each = replace(run, force=False, resume=True, workers=None, scheduler=client)
        work.tables.mkdir(exist_ok=True)
        paths = [work.tables / f"{number}{ARCHIVE_SUFFIX}" for number in range(len(plans))]
        for number, (plan, path) in enumerate(zip(plans, paths, strict=True), start=1):
            if path.exists():
                continue
            told = within(progress, f"{plan.name} ({number} of {len(plans)})")
            try:
                info = _compress(plan, specs, path, each, told)
            except OutputError as error:
                error.path = str(output)
                raise
            notes += [f"{plan.name}: {note}" for note in info.notes]
            warnings += [f"{plan.name}: {warning}" for warning in info.warnings]
        archives = {plan.name: path for plan, path in zip(plans, paths, strict=True)}
        write_collection(work.archive, archives, planned.left_out, fit.described())
        work.wrote()
    return replace(info_of(output), source=_told(specs, planned, notes, warnings))


def _told(specs: Sequence[str], planned: Planned, notes: Sequence[str], warnings: Sequence[str]) -> SourceInfo:
    """What is said of files beside what their archive knows."""
    return SourceInfo(
        bytes=bytes_on_disk(specs), n_columns=planned.n_columns, notes=tuple(notes), warnings=tuple(warnings)
    )


def _with_warnings(info: ArchiveInfo, warnings: Sequence[str]) -> ArchiveInfo:
    """The same with more warnings, before those that are there."""
    if info.source is None:
        return info
    return replace(info, source=replace(info.source, warnings=(*warnings, *info.source.warnings)))


def _compress(plan: Plan, specs: Sequence[str], path: Path, run: RunRequest, progress: Progress) -> ArchiveInfo:
    """What is said of the archive of one table, after it was written."""
    with in_table(plan.name, specs):
        return compress_table(plan.specs, plan.source, path, Request(codec=plan.fit, run=run), progress)
