"""What was said when a file was compressed, so that it need not be said again."""

from pathlib import Path

from baler_vae.codec.manifests import EXTRAS
from baler_vae.errors import CorruptArchive
from baler_vae.io.chain import Specs, file_specs
from baler_vae.io.files import is_text, split_spec, tables_of
from baler_vae.reader.archive import Archive
from baler_vae.source.dialect import Dialect, DialectOptions


def told_dialect(archive: Archive | None, specs: Specs) -> DialectOptions | None:
    """What the user said of how the text is written that an archive was made of, for files of text; None for others.

    Raises:
        CorruptArchive: the archive does not hold it as it should.
    """
    if archive is None or archive.schema.origin.format != "csv" or not all(map(is_text, file_specs(specs))):
        return None
    try:
        return Dialect.from_bytes(archive.extras()).options()
    except ValueError as error:
        raise CorruptArchive(str(error), path=archive.path, section=EXTRAS) from error


def same_table(archive: Archive | None, spec: str | Path) -> str:
    """A file that is compared with an archive of one table; where it has several, and none is named, the one that has
    the name of that.

    Raises:
        SourceError: there is no such file, or it cannot be read.
        UsageError: the suffix is unknown.
    """
    name = "" if archive is None else archive.schema.origin.name
    if not name or split_spec(spec)[1]:
        return str(spec)
    names = tables_of(spec).names
    return f"{spec}:{name}" if len(names) > 1 and name in names else str(spec)
