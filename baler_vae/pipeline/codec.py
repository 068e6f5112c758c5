"""What was fitted: which columns, under which bounds, with which models. Stored as a `.bvmodel` file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from baler_vae.archive.container import ArchiveFile, pack_parts, writing_archive
from baler_vae.archive.manifest import Manifest
from baler_vae.errors import CorruptArchive, UsageError, nearest
from baler_vae.io.source import Source
from baler_vae.model.group import GroupModel
from baler_vae.model.weights import decode_decoder, decode_encoder, encode_decoder, encode_encoder
from baler_vae.pipeline.groups import coding_of, latents_entry
from baler_vae.pipeline.manifests import WRITER, group_entries, model_name, origin_entry, schema_of
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import Group, Schema


@dataclass(frozen=True)
class Codec:
    """A fitted codec.

    `bounds` is by column, `models` by group (groups without free columns or without rows have none), `history` by
    group: one dict per epoch with `number`, `training_loss`, `validation_error`, `learning_rate`, `beta`. `settings`
    repeats the fit.
    """

    schema: Schema
    bounds: Mapping[str, Bound]
    models: Mapping[str, GroupModel]
    history: Mapping[str, tuple[Mapping[str, float], ...]]
    settings: Mapping[str, Any]

    def free_columns(self, group: Group) -> tuple[str, ...]:
        """The columns of a group that its model serves."""
        return tuple(name for name in group.names if self.bounds[name] == "free")

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Writes the codec to a file that `load` reads.

        Raises:
            OutputError: the file exists and `force` is false, or it cannot be written.
        """
        with writing_archive(path, force=force) as archive:
            for number, group in enumerate(self.schema.groups):
                if group.name in self.models:
                    model = self.models[group.name]
                    archive.add(model_name(number), pack_parts(encode_decoder(model.decoder)))
                    archive.add(f"encoder/{number}", pack_parts(encode_encoder(model.encoder)))
            archive.add("history", json.dumps(self.history).encode())
            archive.finish(
                Manifest(
                    kind="codec",
                    writer=WRITER,
                    origin=origin_entry(self.schema.origin),
                    groups=group_entries(
                        self.schema,
                        self.bounds,
                        {column.name: coding_of(column, self.bounds[column.name]) for column in self.schema.columns},
                        {
                            name: latents_entry(model, keeps_log_variance(self.settings))
                            for name, model in self.models.items()
                        },
                        {},
                    ),
                    order=self.schema.order,
                    settings=dict(self.settings),
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
            models = {}
            for number, group in enumerate(manifest.groups):
                if group.latents is not None:
                    try:
                        models[group.name] = GroupModel(
                            decode_encoder(archive.parts(f"encoder/{number}")),
                            decode_decoder(archive.parts(model_name(number))),
                            group.latents.steps,
                        )
                    except ValueError as error:
                        raise CorruptArchive(str(error), path=path, section=model_name(number)) from error
            return cls(
                schema_of(manifest, archive.path),
                {column.name: cast("Bound", column.bound) for group in manifest.groups for column in group.columns},
                models,
                json.loads(archive.section("history")),
                manifest.settings,
            )

    def match(self, source: Source) -> Schema:
        """The schema of the codec's columns in a source, groups and columns in the codec's order, titles and origin the
        source's.

        Raises:
            UsageError: a column is missing, has another dtype, or belongs to another collection.
        """
        theirs = {column.name: column for column in source.schema.columns}
        for column in self.schema.columns:
            if column.name not in theirs:
                raise UsageError(
                    f"the codec needs a column that is not there: {nearest(column.name, theirs)}",
                    path=source.path,
                    column=column.name,
                    way_out="Fit a codec on this file",
                )
            if theirs[column.name].dtype != column.dtype:
                raise UsageError(
                    "the codec was fitted on another dtype",
                    path=source.path,
                    column=column.name,
                    found=str(theirs[column.name].dtype),
                    expected=str(column.dtype),
                    way_out="Fit a codec on this file",
                )
        groups = tuple(
            Group(group.name, tuple(theirs[name] for name in group.names), group.counter)
            for group in self.schema.groups
        )
        for group in groups:
            for name in group.names:
                if source.schema.group_of(name).counter != group.counter:
                    raise UsageError(
                        "belongs to another collection than when the codec was fitted",
                        path=source.path,
                        column=name,
                        found=f"counter {source.schema.group_of(name).counter!r}",
                        expected=f"counter {group.counter!r}",
                    )
        return Schema(
            groups,
            tuple(name for name in source.schema.order if name in self.bounds),
            source.schema.origin,
        )


def keeps_log_variance(settings: Mapping[str, Any]) -> bool:
    """Whether the fit's settings keep the log-variance of a VAE beside its means."""
    return bool(settings.get("model", {}).get("keep_log_variance", False))
