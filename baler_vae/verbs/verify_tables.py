"""Several tables of an archive, checked one after the other."""

from collections.abc import Callable
from dataclasses import replace

from baler_vae.archive.storage import Place, name_of
from baler_vae.errors import UsageError
from baler_vae.io.chain import Specs, file_specs
from baler_vae.io.files import split_spec
from baler_vae.progress import Progress, within
from baler_vae.reader.archive import Archive
from baler_vae.reader.opening import open_archive
from baler_vae.verbs.tables import in_table
from baler_vae.verbs.verification import Verification


def verify_tables(
    verified: Callable[[Archive, Specs | None, Progress], Verification],
    archive: Place,
    against: Specs | None,
    progress: Progress,
) -> Verification:
    """What is found of every table of an archive: columns are named `TABLE:COLUMN`, groups `TABLE` and `TABLE:GROUP`.

    Raises:
        BalerError: as of one table.
    """
    specs = None if against is None else file_specs(against)
    for spec in specs or ():
        if split_spec(spec)[1]:
            raise UsageError(
                "is one table, but the archive has several",
                path=spec,
                way_out=f"Name it in both: {name_of(archive)}:NAME",
            )
    with open_archive(archive) as opened:
        opened.check_sections()
        found = {}
        for name, table in opened.items():
            originals = None if specs is None else [f"{spec}:{name}" for spec in specs]
            with in_table(name, specs or ()):
                found[name] = verified(table, originals, within(progress, name))
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
            guarantees=tuple(
                replace(check, text=f"{name}: {check.text}", group=f"{name}:{check.group}")
                for name, done in found.items()
                for check in done.guarantees
            ),
        )
