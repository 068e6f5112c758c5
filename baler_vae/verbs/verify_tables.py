"""Several tables of an archive, checked one after the other."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from baler_vae.errors import UsageError
from baler_vae.io.chain import Specs, file_specs
from baler_vae.io.files import split_spec
from baler_vae.progress import Progress, within
from baler_vae.reader.opening import open_archive
from baler_vae.verbs.tables import in_table
from baler_vae.verbs.verification import Verification


def verify_tables(
    verify: Callable[..., Verification], archive: str | Path, against: Specs | None, progress: Progress
) -> Verification:
    """What `verify` finds of every table, its columns named `TABLE:COLUMN`, its groups `TABLE` and `TABLE:GROUP`.

    Raises:
        BalerError: as `verify`.
    """
    specs = None if against is None else file_specs(against)
    for spec in specs or ():
        if split_spec(spec)[1]:
            raise UsageError(
                "is one table, but the archive has several", path=spec, way_out=f"Name it in both: {archive}:NAME"
            )
    with open_archive(archive) as opened:
        opened.check_sections()
        found = {}
        for name in opened:
            originals = None if specs is None else [f"{spec}:{name}" for spec in specs]
            with in_table(name, specs or ()):
                found[name] = verify(f"{opened.path}:{name}", against=originals, progress=within(progress, name))
        return replace(
            found[next(iter(opened))],
            path=str(opened.path),
            n_sections=len(opened.manifest.sections) + sum(done.n_sections for done in found.values()),
            n_bytes=opened.n_bytes,
            n_rows={
                f"{name}:{group}" if number else name: rows
                for name, done in found.items()
                for number, (group, rows) in enumerate(done.n_rows.items())
            },
            columns=tuple(
                replace(check, name=f"{name}:{check.name}", group=f"{name}:{check.group}")
                for name, done in found.items()
                for check in done.columns
            ),
        )
