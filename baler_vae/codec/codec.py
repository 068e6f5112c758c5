"""What was fitted: which columns, under which bounds, with which models. Stored as a `.bvmodel` file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.document import read_json
from baler_vae.archive.manifest import Manifest
from baler_vae.archive.storage import Place, name_of
from baler_vae.codec.manifests import (
    HISTORY,
    WRITER,
    array_entries,
    bounds_of,
    format_version,
    group_entries,
    guarantees_of,
    mask_entries,
    origin_entry,
    padded_entries,
    schema_of,
)
from baler_vae.codec.opening import archive_schema
from baler_vae.codec.provenance import fits_of, settings_of
from baler_vae.codec.report import FitReport, fit_report
from baler_vae.codec.sections import check_entries, read_model, write_model
from baler_vae.errors import CorruptArchive, UsageError, located
from baler_vae.guarantees.definitions import Guarantees
from baler_vae.model.group import GroupModel
from baler_vae.source.source import Source
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import Schema

if TYPE_CHECKING:
    from baler_vae.codec.guarding import Guard


@dataclass(frozen=True, eq=False)
class Codec:
    """A fitted codec. Codecs are equal when their bytes are.

    Attributes
    ----------
    schema : Schema
        The columns, and how they form groups.
    bounds : mapping of str to Bound
        The bound of each column.
    models : mapping of str to GroupModel
        The model of each group.
    history : mapping of str to sequence of dict
        By group with an autoencoder one dict for each epoch, with `number`, `training_loss`, `validation_error` (mean
        squared errors in units of the squared widths of the columns), `learning_rate` and `beta`, and under an
        objective `steps`, each term before its weight, and by ``weight of TERM`` the weights; and by ``GROUP,
        networks`` for the networks of its columns a dict for some of the steps, with `number`, `training_bits` (of a
        row in all of them) and `learning_rate`.
    settings : mapping
        What repeats the fit.
    fits : mapping of str to dict
        What the fit found, by group, which `report` tells.
    guarantees : Guarantees
        What is guaranteed beyond the bounds of columns.
    """

    schema: Schema
    bounds: Mapping[str, Bound]
    models: Mapping[str, GroupModel]
    history: Mapping[str, tuple[Mapping[str, float], ...]]
    settings: Mapping[str, Any]
    fits: Mapping[str, Any] = field(default_factory=dict)
    guarantees: Guarantees = field(default_factory=Guarantees)

    def __eq__(self, other: object) -> bool:
        return self._digest == other._digest if isinstance(other, Codec) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._digest)

    def __repr__(self) -> str:
        groups = []
        for group in self.schema.groups:
            fit = self.fits.get(group.name)
            kind = fit.get("kind") if isinstance(fit, dict) else None
            columns = f"{len(group.columns)} column{'s' if len(group.columns) > 1 else ''}"
            groups.append(f"{group.name}: {columns}" + (f", {kind}" if isinstance(kind, str) else ""))
        return f"<Codec of {'; '.join(groups)}>"

    @property
    def _has_categories(self) -> bool:
        return any(model.encoder is not None and model.encoder.categories for model in self.models.values())

    @cached_property
    def guard(self) -> "Guard | None":
        """What keeps the guarantees; None where there are none."""
        if not self.guarantees:
            return None
        from baler_vae.codec.guarding import Guard  # noqa: PLC0415 - readers need not know how guarantees are kept
        from baler_vae.guarantees.promises import Promises  # noqa: PLC0415

        return Guard(Promises(self.guarantees, self.schema), self.models, self.bounds)

    @cached_property
    def _digest(self) -> bytes:
        return hashlib.sha256(self.to_bytes()).digest()

    @cached_property
    def identity(self) -> bytes:
        """What blocks know the codec by, 16 bytes: it depends on what decoding depends on, and on nothing else."""
        from baler_vae.codec.blocks import identity_of  # noqa: PLC0415 - blocks are made with codecs

        return identity_of(self)

    def encode(self, data: Any) -> bytes:  # noqa: ANN401  any data
        """Encode data in memory as a block: bytes without the model, which `decode` of the same codec takes.

        Parameters
        ----------
        data : dict, DataFrame, ak.Array, pa.Table, np.ndarray, TTree, iterable of those, or Source
            Data with the columns of the codec, of the same types, whatever else they have: a dict of arrays, a data
            frame, an awkward array, an Arrow table, an array, a TTree or RNTuple of uproot, batches of one of these, or
            a source of any format that is open.

        Returns
        -------
        bytes
            The block. The same data and codec give the same bytes; every value keeps the codec's bound.

        Raises
        ------
        UsageError
            It is no such data, or the codec does not fit them.
        SourceError
            Values cannot be read, or under ``free`` are not finite.
        """
        from baler_vae.codec.blocks import encode_block  # noqa: PLC0415 - blocks are made with codecs
        from baler_vae.memory.objects import WITH_EXTRAS  # noqa: PLC0415
        from baler_vae.memory.opening import open_data  # noqa: PLC0415 - each only where it is asked for

        source = data if isinstance(data, Source) else open_data(data)
        return encode_block(source, self, with_extras=source.schema.origin.format in WITH_EXTRAS)

    def decode(self, blob: bytes) -> Any:  # noqa: ANN401  it depends on what was encoded
        """Decode what `encode` gave.

        Parameters
        ----------
        blob : bytes
            A block of this codec, or of one that decodes the same, such as one that `load` gave.

        Returns
        -------
        object
            The codec's columns, as an object of the kind that was encoded: a dict of arrays, a data frame with its
            index and dtypes, an awkward array with its type, an Arrow table with its schema, or an array; batches as
            one. Of files what `decompress` gives by default.

        Raises
        ------
        UsageError
            The block was encoded with another codec, or is not bytes.
        ArchiveError
            The bytes are no block, are cut (`TruncatedArchive`) or damaged (`CorruptArchive`), or need a newer version
            (`UnsupportedVersion`).
        """
        from baler_vae.codec.blocks import damage_told, decode_block  # noqa: PLC0415 - blocks are made with codecs
        from baler_vae.memory.objects import object_of  # noqa: PLC0415 - only where it is asked for

        if not isinstance(blob, bytes | bytearray | memoryview):
            raise UsageError(f"{type(blob).__name__} is not bytes", way_out="Give what Codec.encode gave")
        decoded = decode_block(bytes(blob), self)
        with damage_told():
            return object_of(decoded.schema, decoded.batches, decoded.extras)

    def report(self) -> FitReport:
        """What the fit found, group by group."""
        names = [group.name for group in self.schema.groups]
        kept = [one.text for one in self.guarantees.promised]
        return fit_report(names, self.fits, self.history, self.settings.get("skipped", {}), kept)

    def save(self, place: str | Path | BinaryIO, *, force: bool = False) -> None:
        """Write the codec to a file.

        Parameters
        ----------
        place : str, Path or file object
            Where to; a file object, which is open for writing bytes, stays open.
        force : bool
            Overwrite the file.

        Raises
        ------
        OutputError
            The file exists and `force` is false, or it cannot be written.
        UsageError
            A file object takes no bytes.
        """
        with writing_archive(place, force=force) as archive:
            for number, group in enumerate(self.schema.groups):
                write_model(archive, number, self.models[group.name], with_encoder=True)
            archive.add(HISTORY, self.history_bytes())
            archive.finish(
                Manifest(
                    kind="codec",
                    version=format_version(
                        self.schema,
                        self.bounds,
                        self.models,
                        has_categories=self._has_categories,
                        has_guarantees=bool(self.guarantees),
                    ),
                    writer=WRITER,
                    origin=origin_entry(self.schema.origin),
                    groups=group_entries(self.schema, self.models, self.bounds, {}, with_encoder=True),
                    order=self.schema.order,
                    arrays=array_entries(self.schema),
                    masks=mask_entries(self.schema),
                    padded=padded_entries(self.schema),
                    guarantees=self.guarantees.described(),
                    settings=dict(self.settings),
                    fits=dict(self.fits),
                )
            )

    @classmethod
    def load(cls, place: Place) -> "Codec":
        """Read a codec that `save` wrote.

        Parameters
        ----------
        place : str, Path, bytes or file object
            A path or a URL, the bytes of the file, or a file object that can seek.

        Returns
        -------
        Codec
            The codec, equal to the one that was saved.

        Raises
        ------
        SourceError
            There is no such file.
        ArchiveError
            It is not a codec, or is damaged.
        UsageError
            It is an archive.
        """
        with ArchiveFile(place) as archive, located(path=archive.path):
            manifest = archive.manifest
            if manifest.kind != "codec":
                raise UsageError(
                    "is an archive, not a codec",
                    path=name_of(place),
                    way_out="Give what `baler-vae fit` wrote (.bvmodel)",
                )
            return cls._read(archive, read_history(archive), with_encoder=True)

    @classmethod
    def of_archive(cls, place: Place) -> "Codec":
        """Read the codec that an archive was written with, as far as the archive holds it: without encoders, and
        without the history where that was not kept.

        Parameters
        ----------
        place : str, Path, bytes or file object
            A path or a URL, the bytes of the archive, or a file object that can seek.

        Returns
        -------
        Codec
            The codec: it decodes, samples and scores like the one that wrote the archive, but gives no latents.

        Raises
        ------
        SourceError
            There is no such file.
        ArchiveError
            It is not an archive, or is damaged.
        UsageError
            It is a codec, or holds several tables.
        """
        with ArchiveFile(place) as archive, located(path=archive.path):
            archive_schema(archive.manifest)
            history = read_history(archive) if HISTORY in archive.manifest.sections else {}
            return cls._read(archive, history, with_encoder=False)

    @classmethod
    def _read(
        cls, archive: ArchiveFile, history: Mapping[str, tuple[Mapping[str, float], ...]], *, with_encoder: bool
    ) -> "Codec":
        """The codec of an open file."""
        check_entries(archive)
        manifest = archive.manifest
        models = {
            group.name: read_model(archive, number, with_encoder=with_encoder)
            for number, group in enumerate(manifest.groups)
        }
        found = cls(
            schema_of(manifest),
            bounds_of(manifest),
            models,
            history,
            settings_of(manifest),
            fits_of(manifest),
            guarantees_of(manifest),
        )
        if not found.guarantees:
            return found
        from baler_vae.codec.guarding import check_guarded  # noqa: PLC0415

        try:
            if found.guard is not None:
                check_guarded(found.guard.promises, models, found.bounds)
        except (ValueError, UsageError) as error:
            raise CorruptArchive(f"it cannot keep its guarantees: {error}", section="manifest.json") from error
        return found

    def to_bytes(self) -> bytes:
        """The bytes of the file that `save` writes."""
        file = BytesIO()
        self.save(file)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Codec":
        """Read the codec whose `to_bytes` gave some bytes.

        Parameters
        ----------
        data : bytes
            The bytes of a codec.

        Returns
        -------
        Codec
            The codec.

        Raises
        ------
        ArchiveError
            They are not those of a codec, or are damaged.
        UsageError
            They are those of an archive.
        """
        return cls.load(data)

    def history_bytes(self) -> bytes:
        """The history as the section of an archive that `read_history` reads."""
        return json.dumps(self.history).encode()

    def match(self, source: Source) -> Schema:
        """Match the codec's columns with those of a source.

        Parameters
        ----------
        source : Source
            What is to be encoded.

        Returns
        -------
        Schema
            The codec's columns in the source: groups and columns in the codec's order, titles and origin the source's.

        Raises
        ------
        UsageError
            A column is missing, has another dtype, or belongs to another collection.
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
