"""What was fitted: which columns, under which bounds, with which models. Stored as a `.bvmodel` file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.document import read_json
from baler_vae.archive.manifest import Manifest
from baler_vae.codec.manifests import (
    HISTORY,
    WRITER,
    array_entries,
    bounds_of,
    format_version,
    group_entries,
    mask_entries,
    origin_entry,
    schema_of,
)
from baler_vae.codec.provenance import fits_of, settings_of
from baler_vae.codec.report import FitReport, fit_report
from baler_vae.codec.sections import check_entries, read_model, write_model
from baler_vae.errors import CorruptArchive, UsageError
from baler_vae.model.group import GroupModel
from baler_vae.paths import temporary_folder
from baler_vae.source.source import Source
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import Schema


@dataclass(frozen=True)
class Codec:
    """A fitted codec.

    `bounds` is by column, `models` by group. `history` is by group with an autoencoder: one dict per epoch with
    `number`, `training_loss`, `validation_error`, `learning_rate`, `beta`; and by `GROUP, networks` for the networks of
    its columns: a dict for some of the steps with `number`, `training_bits` (of a row in all of them) and
    `learning_rate`. `settings` repeats the fit, and `fits` holds by group what it found, which `report` tells.
    """

    schema: Schema
    bounds: Mapping[str, Bound]
    models: Mapping[str, GroupModel]
    history: Mapping[str, tuple[Mapping[str, float], ...]]
    settings: Mapping[str, Any]
    fits: Mapping[str, Any] = field(default_factory=dict)

    def report(self) -> FitReport:
        """What the fit found, group by group."""
        names = [group.name for group in self.schema.groups]
        return fit_report(names, self.fits, self.history, self.settings.get("skipped", {}))

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Writes the codec to a file that `load` reads.

        Raises:
            OutputError: the file exists and `force` is false, or it cannot be written.
        """
        with writing_archive(path, force=force) as archive:
            for number, group in enumerate(self.schema.groups):
                write_model(archive, number, self.models[group.name], with_encoder=True)
            archive.add(HISTORY, self.history_bytes())
            archive.finish(
                Manifest(
                    kind="codec",
                    version=format_version(self.schema),
                    writer=WRITER,
                    origin=origin_entry(self.schema.origin),
                    groups=group_entries(self.schema, self.models, self.bounds, {}),
                    order=self.schema.order,
                    arrays=array_entries(self.schema),
                    masks=mask_entries(self.schema),
                    settings=dict(self.settings),
                    fits=dict(self.fits),
                )
            )

    @classmethod
    def load(cls, path: str | Path) -> "Codec":
        """The codec of a file that `save` wrote.

        Raises:
            SourceError: there is no such file.
            ArchiveError: it is not a codec, or is damaged.
            UsageError: it is an archive.
        """
        with ArchiveFile(path) as archive:
            manifest = archive.manifest
            if manifest.kind != "codec":
                raise UsageError(
                    "is an archive, not a codec", path=path, way_out="Give what `baler-vae fit` wrote (.bvmodel)"
                )
            check_entries(archive)
            return cls(
                schema_of(manifest, archive.path),
                bounds_of(manifest, archive.path),
                {
                    group.name: read_model(archive, number, with_encoder=True)
                    for number, group in enumerate(manifest.groups)
                },
                read_history(archive),
                settings_of(manifest),
                fits_of(manifest),
            )

    def to_bytes(self) -> bytes:
        """The bytes of the file that `save` writes."""
        with temporary_folder() as folder:
            path = folder / "codec"
            self.save(path)
            return path.read_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Codec":
        """The codec that `to_bytes` was given."""
        with temporary_folder() as folder:
            path = folder / "codec"
            path.write_bytes(data)
            return cls.load(path)

    def history_bytes(self) -> bytes:
        """The history as the section of an archive that `read_history` reads."""
        return json.dumps(self.history).encode()

    def match(self, source: Source) -> Schema:
        """The schema of the codec's columns in a source, groups and columns in the codec's order, titles and origin the
        source's.

        Raises:
            UsageError: a column is missing, has another dtype, or belongs to another collection.
        """
        return source.match(self.schema, "the codec", "Fit a codec on this file")


def read_history(archive: ArchiveFile) -> dict[str, tuple[dict[str, float], ...]]:
    """The history of a codec, or of an archive that holds one.

    Raises:
        CorruptArchive: it is not what is written there.
    """
    try:
        found = read_json(archive.section(HISTORY), constants=True)  # a loss may have been infinite
    except ValueError as error:
        raise CorruptArchive(f"is not JSON: {error}", path=archive.path, section=HISTORY) from error
    if not isinstance(found, dict) or not all(map(_is_history, found.values())):
        raise CorruptArchive("is no history", path=archive.path, section=HISTORY, expected="epochs by group")
    return {name: tuple(epochs) for name, epochs in found.items()}


def _is_history(found: object) -> bool:
    return isinstance(found, list) and all(map(_is_epoch, found))


def _is_epoch(found: object) -> bool:
    return isinstance(found, dict) and all(isinstance(number, int | float) for number in found.values())
