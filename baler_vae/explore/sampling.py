"""New rows from a codec."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.chance import Latents
from baler_vae.codec.codec import Codec
from baler_vae.codec.density import drawable, sample_batches
from baler_vae.codec.drawing import Tally
from baler_vae.errors import UsageError
from baler_vae.explore.latent_draws import (
    LatentSource,
    groups_from_latents,
    has_own_tables,
    mixture_draws,
    posterior_draws,
    prior_draws,
)
from baler_vae.explore.opening import check_seed, opened_codec
from baler_vae.explore.training_rows import TrainingRows, latents_of_archive, read_training_rows
from baler_vae.io.files import is_archive, write_file
from baler_vae.measures.samples import Samples, Shape
from baler_vae.memory.libraries import Library, check_library
from baler_vae.output import check_output
from baler_vae.progress import Progress, ShownProgress, callback, shows_progress, silent
from baler_vae.reader.results import as_library
from baler_vae.reader.selection import Output, Selection
from baler_vae.source.dialect import Options
from baler_vae.table.branches import branches_of
from baler_vae.table.padding import spread_batches, without_collections
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch, concatenate

SOURCES: tuple[LatentSource, ...] = get_args(LatentSource)
_OF_TRAINING = {"posterior", "mixture"}
_LIBRARIES: Mapping[str, Library] = {"root": "ak", "hdf5": "np", "npz": "np", "npy": "np"}
_N_BINS = 60
_CORE = (0.005, 0.995)
"""The quantiles between which histograms reach, about."""


@shows_progress
@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def sample(
    codec: Codec | str | Path,
    n: int,
    output: str | Path | None = None,
    *,
    source: LatentSource | None = None,
    training: Any = None,  # noqa: ANN401  paths or data
    seed: int = 0,
    library: Library | None = None,
    rntuple: bool = False,
    shapes: bool = False,
    force: bool = False,
    dialect: Options = None,
    progress: ShownProgress = silent,
) -> Samples:
    """Draw new rows, or whole events, from a codec.

    Values come out of the codec's own tables and networks, by decoding random bits: event columns first, then each
    collection rank by rank. They lie on the grids of the codec, formulas hold, and counts are those of the collections.

    Parameters
    ----------
    codec : Codec, str or Path
        A codec, or an archive, which holds one.
    n : int
        How many events, or rows of a flat table.
    output : str or Path, optional
        A file for them, in any format that is written; without one they are returned.
    source : {"prior", "posterior", "mixture", "density"}, optional
        Where latents come from, if the codec has any: from the standard normal distribution; from latents of training
        rows, with the noise of their posterior; from a mixture of Gaussians fitted to those, its size by BIC; or each
        latent from its own table. By default ``density`` where values keep a bound; where a decoder alone makes values,
        ``mixture`` if there are training rows, and otherwise ``density``, or ``prior`` where latents have no tables.
    training : str, Path, sequence of these, Source, or data in memory, optional
        Rows that the codec was fitted on, or others like them; of an archive its own rows by default. Columns without
        probabilities, such as text, are drawn from their rows, whole rows of a group together; they are left out where
        there are none, as nested columns are. About the first million rows are used.
    seed : int
        The same seed gives the same rows.
    library : {"ak", "np", "pd", "pa"}, optional
        What is returned without an `output`; by default an awkward array, of HDF5 and npz files arrays, of flat tables
        a data frame.
    rntuple : bool
        Whether a ROOT file gets an RNTuple in place of a TTree.
    shapes : bool
        Whether to make histograms of all columns.
    force : bool
        Whether an output may be overwritten.
    dialect : DialectOptions or Mapping[str, str], optional
        How the file of training rows is written, where it is text.
    progress : bool or callable
        True for a bar, or a function of (what, done, total).

    Returns
    -------
    Samples
        What was drawn and how, and the rows where there is no output.

    Raises
    ------
    UsageError
        The codec has no latents for `source`, training rows are missing or do not fit the codec, or no column can be
        drawn.
    SourceError
        There is no such codec, or training rows cannot be read.
    ArchiveError
        The codec is damaged.
    OutputError
        The file exists and `force` is false, it cannot be written, or its format cannot hold the columns.
    MissingExtra
        A mixture is wanted and scikit-learn is not installed.
    """
    _check_request(n, source, seed)
    if library is not None:
        check_library(library)
    if output is not None:
        check_output(output, force=force)
    told = callback(progress)
    opened = opened_codec(codec)
    own = codec if not isinstance(codec, Codec) and is_archive(codec) else None
    given = own if training is None else training
    chosen = _chosen_sources(opened, source, has_training=given is not None)
    rows = _rows_needed(opened, given, own, chosen, dialect, shapes=shapes, told=told)
    draws = {name: _draw(opened, name, wanted, rows, seed, told) for name, wanted in chosen.items()}
    latents = {name: draw for name, (draw, _) in draws.items() if draw is not None}
    found = drawable(opened, kept=[name for name, kept in rows.kept.items() if kept.n_rows], latents=latents)
    tally, drawing = Tally(), _Drawing(found.schema, n, _Histograms(found.schema, rows.batch) if shapes else None)
    generator = np.random.default_rng(seed)
    drawn = sample_batches(opened, n, generator, latents=latents, kept=rows.kept, tally=tally)
    data = None
    if output is None:
        data = _as_object(found.schema, drawing.told(drawn, told), library)
    else:
        write_file(output, found.schema, drawing.told(drawn, told), force=force, rntuple=rntuple)
    return Samples(
        codec="a codec" if isinstance(codec, Codec) else Path(codec).name,
        seed=int(seed),
        n_events=int(n),
        n_rows=drawing.n_rows,
        latents_from=chosen,
        components={name: number for name, (_, number) in draws.items() if number},
        escapes=dict(sorted(tally.escapes.items())),
        valueless=dict(sorted(tally.valueless.items())),
        beyond=dict(sorted(tally.beyond.items())),
        from_training=found.from_rows,
        predicted=found.predicted,
        left_out=found.left_out,
        output=None if output is None else str(output),
        shapes=drawing.shapes(),
        data=data,
    )


def _rows_needed(
    codec: Codec,
    given: Any,  # noqa: ANN401  paths or data
    own: str | Path | None,
    chosen: Mapping[str, LatentSource],
    dialect: Options,
    *,
    shapes: bool,
    told: Progress,
) -> TrainingRows:
    """Of the rows that are given what new ones are made from; `own` are those of the archive that holds the codec."""
    encoded = [name for name, wanted in chosen.items() if wanted in _OF_TRAINING]
    if given is None:
        return TrainingRows()
    told("reading training rows", 0, 1)
    if given is own:
        kept = shapes or bool(drawable(codec, latents=chosen).left_out)
        rows = read_training_rows(codec, given, dialect, []) if kept else TrainingRows()
        return replace(rows, latents=latents_of_archive(codec, str(own), encoded))
    return read_training_rows(codec, given, dialect, encoded)


def _draw(
    codec: Codec, group: str, source: LatentSource, rows: TrainingRows, seed: int, told: Progress
) -> tuple[Latents | None, int]:
    """The draws of the latents of a group from a source, none where they come from their own tables, and how many
    Gaussians they are a mixture of.
    """
    match source:
        case "prior":
            return prior_draws(codec, group), 0
        case "posterior":
            return posterior_draws(*rows.latents[group], noisy=codec.models[group].decoder is not None), 0
        case "mixture":
            told(f"fitting a mixture to the latents of {group}", 0, 1)
            draw, mixture = mixture_draws(codec, group, rows.latents[group][0], seed)
            return draw, len(mixture.weights)
        case "density":
            return None, 0


def _check_request(n: int, source: str | None, seed: int) -> None:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise UsageError(f"{n!r} new rows", expected="a whole number, at least 1")
    if source is not None and source not in SOURCES:
        raise UsageError(f"unknown source of latents {source!r}", expected=f"one of {', '.join(SOURCES)}")
    check_seed(seed)


def _chosen_sources(codec: Codec, source: LatentSource | None, *, has_training: bool) -> dict[str, LatentSource]:
    """Where the latents of each group that has some come from.

    Raises:
        UsageError: they cannot come from there, or there is nothing that they could come from.
    """
    groups = groups_from_latents(codec)
    if source not in (None, "density") and not groups:
        raise UsageError(
            f"the codec has no latents to draw from a {source}",
            way_out="Draw from its tables and networks: --from density",
        )
    if source in _OF_TRAINING and not has_training:
        raise UsageError(
            f"there are no training rows whose latents a {source} needs",
            way_out="Name the file that the codec was fitted on: --training FILE",
        )
    without_tables = [name for name in groups if not has_own_tables(codec, name)]
    if source == "density" and without_tables:
        raise UsageError(
            f"the latents of {without_tables[0]} have no tables: they are not rounded, or stored in their order",
            way_out="Draw them with --from prior, or with --from mixture --training FILE",
        )
    return {name: source or _default(codec, name, has_training=has_training) for name in groups}


def _default(codec: Codec, group: str, *, has_training: bool) -> LatentSource:
    bounded, tables = codec.models[group].decoder is None, has_own_tables(codec, group)
    if has_training and not (bounded and tables):
        return "mixture"
    return "density" if tables else "prior"


def _as_object(schema: Schema, batches: Iterator[Batch], library: Library | None) -> Any:  # noqa: ANN401
    """The rows as an object."""
    batches, schema = spread_batches(batches, schema), without_collections(schema)
    wanted = library or _LIBRARIES.get(schema.origin.format) or ("ak" if schema.is_jagged else "pd")
    outputs = tuple(Output(branch.name, branch) for branch in branches_of(schema))
    return as_library(concatenate(list(batches), schema), Selection(schema, outputs), wanted)


class _Drawing:
    """Batches on their way: how many rows of each group there were, and their histograms."""

    def __init__(self, schema: Schema, n_events: int, histograms: "_Histograms | None") -> None:
        self.n_rows = dict.fromkeys((group.name for group in schema.groups), 0)
        self._events, self._n_events, self._histograms = schema.events.name, n_events, histograms

    def told(self, batches: Iterator[Batch], progress: Progress) -> Iterator[Batch]:
        """The same batches; who is told hears of each."""
        progress("drawing, events", 0, self._n_events)
        for batch in batches:
            yield batch
            for table in batch:
                self.n_rows[table.group.name] += table.n_rows
            if self._histograms is not None:
                self._histograms.add(batch)
            progress("drawing, events", self.n_rows[self._events], self._n_events)

    def shapes(self) -> tuple[Shape, ...]:
        """The histograms, where there are any."""
        return () if self._histograms is None else self._histograms.found()


class _Histograms:
    """Fills histograms of all columns of numbers, in bins that suit the training rows, or else the first batch."""

    def __init__(self, schema: Schema, training: Batch) -> None:
        self._columns = [column for column in schema.columns if column.is_scalar]
        self._training = {name: values for table in training for name, values in table.arrays.items()}
        self._edges: dict[str, NDArray[Any]] = {}
        self._samples: dict[str, NDArray[Any]] = {}

    def add(self, batch: Batch) -> None:
        """Counts the values of a batch."""
        drawn = {name: values for table in batch for name, values in table.arrays.items()}
        for name in (column.name for column in self._columns):
            if name not in self._edges:
                self._edges[name] = _edges(self._training.get(name, drawn[name]))
                self._samples[name] = np.zeros(len(self._edges[name]) - 1, np.int64)
            self._samples[name] += _counted(drawn[name], self._edges[name])

    def found(self) -> tuple[Shape, ...]:
        """The histograms."""
        return tuple(
            Shape(
                column=name,
                edges=tuple(edges.tolist()),
                samples=tuple(self._samples[name].tolist()),
                training=tuple(_counted(self._training[name], edges).tolist()) if name in self._training else None,
            )
            for name, edges in self._edges.items()
        )


def _edges(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """The edges (bins + 1,) of the bins of a column: each of as many whole numbers as another."""
    numbers = values.astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    low, high = np.quantile(numbers, _CORE) if len(numbers) else (0.0, 1.0)
    if values.dtype.kind in "iub":
        width = np.ceil((high - low + 1) / _N_BINS)
        return np.arange(np.floor(low) - 0.5, high + width, width)
    return np.linspace(low, high if high > low else low + 1.0, _N_BINS + 1)


def _counted(values: NDArray[np.generic], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many values lie in each bin, int64 (bins,)."""
    return np.histogram(values.astype(np.float64), edges)[0].astype(np.int64)
