"""Walks through a latent space: between rows or means of rows, and along each latent."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from baler_vae.codec.codec import Codec
from baler_vae.errors import UsageError
from baler_vae.evaluation.cuts import CutCounter
from baler_vae.explore.encoding import (
    EncodedRows,
    codec_name,
    decoded,
    encode_rows,
    only_group,
)
from baler_vae.explore.judging import Judge
from baler_vae.explore.opening import check_seed, opened_codec, opened_rows
from baler_vae.explore.space import LatentSpace
from baler_vae.explore.tables import check_tables, write_named_tables
from baler_vae.measures.paths import Paths
from baler_vae.measures.priors import Floats
from baler_vae.output import owned
from baler_vae.settings.evaluation import CutSettings
from baler_vae.source.dialect import Options

STEPS = 11
N_PAIRS = 200
REACH = 3.0
"""Standard deviations that a latent is moved to both sides."""


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def interpolate(
    codec: Codec | str | FilePath,
    data: Any,  # noqa: ANN401  paths or data
    *,
    rows: tuple[int, int] | None = None,
    means: tuple[str, str] | None = None,
    steps: int = STEPS,
    pairs: int = N_PAIRS,
    judge: Codec | str | FilePath | None = None,
    output: str | FilePath | None = None,
    group: str | None = None,
    seed: int = 0,
    force: bool = False,
    dialect: Options = None,
) -> Paths:
    """Walk from one row, or mean of rows, to another through the latent space, straight and on an arc.

    Parameters
    ----------
    codec : Codec, str or Path
        A codec with an encoder and columns under ``free``.
    data : str, Path, sequence of these, Source, or data in memory
        The rows.
    rows : tuple of int, optional
        The two rows of the group to walk between, counted from 0.
    means : tuple of str, optional
        Two cuts, such as ``("nJet > 5", "nJet < 3")``, in place of rows: from the mean latents of the rows that pass
        the first to that of the rows that pass the second. Cuts are those of evaluations.
    steps : int
        Steps of the paths, with both ends: at least 3.
    pairs : int
        Random pairs of rows whose midpoints are judged; 0 for none.
    judge : Codec, str or Path, optional
        A codec under bounds of the decoded columns, whose bits say how likely decoded rows are; each row is an event by
        itself to it.
    output : str or Path, optional
        A file for the decoded rows.
    group : str, optional
        The group, where several have latents.
    seed : int
        Of pairs and samples.
    force : bool
        Overwrite the output.
    dialect : DialectOptions or Mapping[str, str], optional
        How the file is written, where it is text.

    Returns
    -------
    Paths
        Both paths with decoded rows, and how good the decoded rows are.

    Raises
    ------
    UsageError
        The codec has no encoder, no column under ``free``, or other columns than the file; neither rows nor means are
        given, or both; a row is out of range, or has a value that is not finite; no row passes a cut, or it is none.
    SourceError
        The file cannot be read.
    OutputError
        The output exists, or cannot be written.
    """
    if (rows is None) == (means is None):
        raise UsageError("the ends of the path are two rows or two means", way_out="Give either --rows or --means")
    given = means if rows is None else rows
    if given is None or isinstance(given, str) or len(given) != 2:
        raise UsageError("the ends of the path are two rows or two means", found=repr(given), expected="two")
    check_seed(seed)
    if steps < 3:
        raise UsageError(f"a path of {steps} steps", expected="at least 3")
    if pairs < 0:
        raise UsageError(f"{pairs} pairs", expected="0 or more")
    opened = opened_codec(codec)
    name = only_group(opened, codec, group)
    with _owning(output, force=force), opened_rows(data, dialect) as source:
        judged = _judge(opened, name, judge)
        cuts = [CutCounter(CutSettings(cut=text), source.schema) for text in means or ()]
        found = encode_rows(opened, source, name, selected=[column for cut in cuts for column in cut.names])
        space = LatentSpace.of(opened, name, found, seed, judged)
        if rows is not None:
            ends = [space.latents[_place(found, row, source.path)] for row in rows]
            texts = tuple(f"row {row:,}" for row in rows)
        else:
            ends = [_mean(found, cut, source.path) for cut in cuts]
            texts = tuple(cut.cut.cut for cut in cuts)
        parts = np.linspace(0, 1, steps)
        paths = tuple(
            space.path(line_name, parts, line(ends[0], ends[1], parts)) for line_name, line in space.lines().items()
        )
        result = Paths(
            codec=codec_name(codec),
            group=name,
            kind="interpolation",
            ends=texts,
            columns=space.columns,
            widths=space.widths,
            paths=paths,
            pairs=space.pairs(pairs, steps, seed),
            real=space.real,
            n_left_out=found.n_left_out,
        )
        _write(result, output, force=force)
    return result


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def traverse(
    codec: Codec | str | FilePath,
    data: Any = None,  # noqa: ANN401  paths or data
    *,
    row: int | None = None,
    steps: int = STEPS,
    judge: Codec | str | FilePath | None = None,
    output: str | FilePath | None = None,
    group: str | None = None,
    seed: int = 0,
    force: bool = False,
    dialect: Options = None,
) -> Paths:
    """Move each latent from -3 to 3 standard deviations and decode, the others at their mean or at those of a row.

    A categorical latent takes each of its categories; the others stay at the most frequent ones.

    Parameters
    ----------
    codec : Codec, str or Path
        A codec, or without data an archive, with columns under ``free``.
    data : str, Path, sequence of these, Source, or data in memory, optional
        Rows, whose latents give means and standard deviations; without them they are 0 and 1, those of the prior.
    row : int, optional
        The row of the group at whose latents the others stay, counted from 0.
    steps : int
        Steps of each path: at least 3.
    judge : Codec, str or Path, optional
        A codec under bounds of the decoded columns, whose bits say how likely decoded rows are; each row is an event by
        itself to it.
    output : str or Path, optional
        A file for the decoded rows.
    group : str, optional
        The group, where several have latents.
    seed : int
        Of samples.
    force : bool
        Overwrite the output.
    dialect : DialectOptions or Mapping[str, str], optional
        How the file is written, where it is text.

    Returns
    -------
    Paths
        A path for each latent.

    Raises
    ------
    UsageError
        The codec has no latents, no column under ``free``, or other columns than the file; its latents have no prior
        and there are no data; a row is out of range, has a value that is not finite, or there are no data for it.
    SourceError
        The file cannot be read.
    OutputError
        The output exists, or cannot be written.
    """
    if steps < 3:
        raise UsageError(f"a path of {steps} steps", expected="at least 3")
    check_seed(seed)
    if row is not None and data is None:
        raise UsageError(f"there is no file to take row {row:,} from", way_out="Name one")
    opened = opened_codec(codec)
    name = only_group(opened, codec, group, encoder=data is not None)
    positions = np.linspace(-REACH, REACH, steps)
    with _owning(output, force=force):
        judged = _judge(opened, name, judge)
        if data is None:
            space = LatentSpace.of_prior(opened, name, codec, judged)
            left_out, around = 0, space.centre
        else:
            with opened_rows(data, dialect) as source:
                found = encode_rows(opened, source, name)
                space = LatentSpace.of(opened, name, found, seed, judged)
                left_out, around = found.n_left_out, space.centre
                if row is not None:
                    around = space.latents[_place(found, row, source.path)]
        paths = []
        for j in range(space.n_continuous):
            latents = np.tile(around, (steps, 1))
            latents[:, j] = space.centre[j] + positions * space.spread[j]
            paths.append(space.path(f"latent {j}", positions, latents))
        start = space.n_continuous
        for number, size in enumerate(space.categories):
            latents = np.tile(around, (size, 1))
            latents[:, start : start + size] = np.eye(size)
            paths.append(space.path(f"categories {number}", np.arange(float(size)), latents))
            start += size
        result = Paths(
            codec=codec_name(codec),
            group=name,
            kind="traversal",
            ends=("mean" if row is None else f"row {row:,}",),
            columns=space.columns,
            widths=space.widths,
            paths=tuple(paths),
            pairs=(),
            real=space.real,
            n_left_out=left_out,
        )
        _write(result, output, force=force)
    return result


def _place(rows: EncodedRows, row: int, path: str) -> int:
    """The place of a row of the group among those that were encoded."""
    n = len(rows.row) + rows.n_left_out
    if not isinstance(row, int | np.integer) or not 0 <= row < n:
        raise UsageError(f"there is no row {row:,}", path=path, expected=f"0 to {n - 1:,}")
    place = int(np.searchsorted(rows.row, row))
    if place == len(rows.row) or rows.row[place] != row:
        raise UsageError("has a value that is not finite", path=path, rows=f"row {row:,}", way_out="Name another row")
    return place


def _mean(rows: EncodedRows, cut: CutCounter, path: str) -> Floats:
    """The mean latents (k,) of the rows that pass a cut."""
    passed = cut.passed(rows.batch)
    if cut.group.name == rows.group.name:
        chosen = passed[rows.row]
    elif cut.group.counter is None:
        chosen = passed[rows.event]
    else:
        raise UsageError(f"the cut {cut.cut.cut!r} is on other rows than those of {rows.group.name}", path=path)
    if not chosen.any():
        raise UsageError(f"no row of {rows.group.name} passes {cut.cut.cut!r}", path=path)
    mean: Floats = rows.means[chosen].mean(axis=0, dtype=np.float64)
    return mean


def _judge(codec: Codec, name: str, judge: Codec | str | FilePath | None) -> Judge | None:
    """The judge of what is decoded, where one is given.

    Raises:
        UsageError: no column is decoded from latents, or the judge has others.
    """
    columns = tuple(decoded(codec, name, np.zeros((1, codec.models[name].n_latents))))
    return None if judge is None else Judge.of(judge, columns, name)


def _owning(output: str | FilePath | None, *, force: bool) -> AbstractContextManager[object]:
    if output is None:
        return nullcontext()
    check_tables(output, ["paths"])
    return owned(output, force=force)


def _write(result: Paths, output: str | FilePath | None, *, force: bool) -> None:
    if output is not None:
        write_named_tables(output, {result.group: result.table()}, "paths", force=force)
