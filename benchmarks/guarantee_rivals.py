"""Other ways to keep a guarantee, on the columns of a table: searched bits, exact rows, and `compression-safeguards`.

Each gives bytes from which alone the columns come back. Three of them search over bits of mantissas with a coder that
knows no physics: in all columns, in those that the guarantee reads, or in those with the rows that miss stored exactly.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from baler_vae.entropy.plain import decode_numbers, encode_numbers
from baler_vae.table.bounds import EXACT
from baler_vae.table.schema import Schema
from benchmarks.data import explicit_bounds
from benchmarks.guarantees_judge import Flags, Guarantee
from benchmarks.rivals import find_rival
from benchmarks.rivals.frame import pack, unpack
from benchmarks.rivals.signature import Bounds, Columns, Values

PLAIN = 10
"""The bits that all float columns promise."""
MOST = {np.dtype(np.float32): 23, np.dtype(np.float64): 52}
"""Bits of mantissas; what needs more is stored exactly."""


@dataclass(frozen=True)
class Stored:
    """The bytes that keep a guarantee, what they give back, and the bits that were found."""

    data: bytes
    restored: Columns
    bits: str


@dataclass(frozen=True)
class Coded:
    """The columns of a table through one rival under bits of mantissas; what was done once is kept."""

    schema: Schema
    columns: Columns
    rival: str
    _made: dict[tuple[str, int], tuple[int, Values]] = field(default_factory=dict)

    def bounds(self, bits: int, names: Sequence[str] = ()) -> Bounds:
        """So many bits in these columns or, without names, all; `PLAIN` in the others. Integers are exact."""
        plain, fine = (explicit_bounds(self.schema, self.columns, f"bits:{number}") for number in (PLAIN, bits))
        wide = {name: bits > MOST.get(values.dtype, bits) for name, values in self.columns.items()}
        fine = {name: EXACT if wide[name] else bound for name, bound in fine.items()}
        return {name: fine[name] if name in (names or self.columns) else plain[name] for name in self.columns}

    def called(self, bits: int, names: Sequence[str] = ()) -> str:
        """What so many bits in these columns, or all, are called."""
        kinds = {values.dtype for name, values in self.columns.items() if name in (names or self.columns)}
        return f"bits:{bits}" if any(bits <= MOST.get(kind, 0) for kind in kinds) else "exact"

    def column(self, name: str, bits: int) -> tuple[int, Values]:
        """The bytes of one column, and the column as it comes back."""
        if (name, bits) not in self._made:
            own = {name: self.columns[name]}
            data = find_rival(self.rival).compress(own, {name: self.bounds(bits)[name]})
            self._made[name, bits] = len(data), find_rival(self.rival).decompress(data)[name]
        return self._made[name, bits]

    def some(self, guarantee: Guarantee, bits: int) -> tuple[int, Columns]:
        """The bytes of the columns that a guarantee reads, and the table with these columns as they come back."""
        found = {name: self.column(name, bits) for name in guarantee.columns}
        restored = {name: values for name, (_, values) in found.items()}
        return sum(size for size, _ in found.values()), {**self.columns, **restored}

    def table(self, bits: int, names: Sequence[str] = ()) -> tuple[bytes, Columns]:
        """The bytes of all columns under `bounds`, and the columns as they come back."""
        data = find_rival(self.rival).compress(self.columns, self.bounds(bits, names))
        return data, find_rival(self.rival).decompress(data)

    def coarsest(self, guarantee: Guarantee) -> int:
        """The fewest bits in its columns that violate a guarantee nowhere.

        Raises:
            ValueError: not even exact columns keep it.
        """
        for bits in range(PLAIN, max(MOST.values()) + 2):
            if not guarantee.violated(self.columns, self.some(guarantee, bits)[1]).any():
                return bits
        raise ValueError(f"exact columns violate {guarantee.name!r}")


def in_all_columns(coded: Coded, guarantee: Guarantee) -> Stored:
    """The coarsest bits, the same in all columns."""
    bits = coded.coarsest(guarantee)
    return Stored(*coded.table(bits), coded.called(bits))


def in_own_columns(coded: Coded, guarantee: Guarantee) -> Stored:
    """The coarsest bits in the columns that the guarantee reads."""
    bits = coded.coarsest(guarantee)
    return Stored(*coded.table(bits, guarantee.columns), coded.called(bits, guarantee.columns))


def with_exact_rows(coded: Coded, guarantee: Guarantee) -> Stored:
    """Some bits in the columns that the guarantee reads, and exact values in those of its rows that miss; the bits that
    take the fewest bytes together.
    """
    sizes = {}
    for bits in range(PLAIN, coded.coarsest(guarantee) + 1):
        size, restored = coded.some(guarantee, bits)
        missing = guarantee.violated(coded.columns, restored).any()
        sizes[bits] = size + (len(_exact_rows(coded, guarantee, restored)) if missing else 0)
    bits = min(sizes, key=lambda number: sizes[number])
    if not guarantee.violated(coded.columns, coded.some(guarantee, bits)[1]).any():
        return Stored(*coded.table(bits, guarantee.columns), coded.called(bits, guarantee.columns))
    inner, restored = coded.table(bits, guarantee.columns)
    data = pack(list(guarantee.columns), [inner, _exact_rows(coded, guarantee, restored)])
    return Stored(data, _with_rows(coded.rival, data), coded.called(bits, guarantee.columns))


def _exact_rows(coded: Coded, guarantee: Guarantee, restored: Columns) -> bytes:
    units = guarantee.violated(coded.columns, restored)
    rows = guarantee.rows(coded.columns, units)
    values = [encode_numbers(coded.columns[name][rows]) for name in guarantee.columns]
    return pack(int(np.count_nonzero(rows)), [_positions(rows), *values])


def _with_rows(rival: str, data: bytes) -> Columns:
    names, (inner, exact) = unpack(data)
    columns = dict(find_rival(rival).decompress(inner))
    n_rows, (positions, *streams) = unpack(exact)
    rows = _places(positions, n_rows)
    for name, stream in zip(names, streams, strict=True):
        columns[name] = columns[name].copy()
        columns[name][rows] = decode_numbers(stream, columns[name].dtype, n_rows)
    return columns


def _positions(rows: Flags) -> bytes:
    """The places of flags: gaps through pcodec or a deflated bitmap, the smaller."""
    gaps = encode_numbers(np.diff(np.flatnonzero(rows), prepend=0).astype(np.uint32))
    bitmap = zstandard.compress(np.packbits(rows).tobytes(), 19)
    return b"g" + gaps if len(gaps) <= len(bitmap) else b"b" + bitmap


def _places(data: bytes, n_rows: int) -> NDArray[np.int64]:
    if data[:1] == b"g":
        return np.cumsum(decode_numbers(data[1:], np.dtype(np.uint32), n_rows), dtype=np.int64)
    bitmap = np.frombuffer(zstandard.decompress(data[1:]), np.uint8)
    return np.flatnonzero(np.unpackbits(bitmap))


WAYS: Mapping[str, Callable[[Coded, Guarantee], Stored]] = {
    "bits in all columns": in_all_columns,
    "bits in its columns": in_own_columns,
    "bits, rows that miss exact": with_exact_rows,
}


@dataclass(frozen=True)
class Expression:
    """A guarantee in the language of `compression-safeguards`: a quantity of the columns in curly brackets, `{pt0}`
    that of the first row of an event; of single rows, `{pt}`, where `by_event` is false. `note` says what is not meant.
    """

    text: str
    by_event: bool = False
    note: str = ""


def safeguarded(coded: Coded, guarantee: Guarantee, expression: Expression) -> Stored:
    """The table through the rival, and corrections that `compression-safeguards` computes for the columns that the
    guarantee reads, so that it and `PLAIN` bits are kept; the bits of the rival that take the fewest bytes together, as
    far as more or fewer go on making it smaller. Fewer than `PLAIN` are tried where all rows are corrected.
    """
    best = _with_corrections(coded, guarantee, expression, PLAIN)
    n_rows = len(coded.columns[guarantee.columns[0]])
    covered = _cells(coded.columns, guarantee, by_event=expression.by_event).size == n_rows
    for step in (1, -1) if covered else (1,):
        bits, smaller = PLAIN + step, True
        while smaller and bits:
            stored = _with_corrections(coded, guarantee, expression, bits)
            smaller, bits = len(stored.data) < len(best.data), bits + step
            best = stored if smaller else best
    return best


def _with_corrections(coded: Coded, guarantee: Guarantee, expression: Expression, bits: int) -> Stored:
    """Bytes and columns under some bits; rows of events with fewer than two stay what the rival makes of them."""
    inner, restored = coded.table(bits, guarantee.columns)
    places = _cells(coded.columns, guarantee, by_event=expression.by_event)
    before, approximate = (_array(own, guarantee.columns, places) for own in (coded.columns, restored))
    codec = _safeguarded_codec(approximate, _safeguards(guarantee, expression, places.shape[1]))
    corrections = bytes(codec.encode(before))
    columns = dict(restored)
    corrected = np.asarray(codec.decode(corrections)).reshape(approximate.shape)
    for number, name in enumerate(guarantee.columns):
        columns[name] = columns[name].copy()
        columns[name][places] = corrected.reshape(len(places), len(guarantee.columns), -1)[:, number]
    note = f", {expression.note}" if expression.note else ""
    return Stored(pack(None, [inner, corrections]), columns, f"{coded.called(bits, guarantee.columns)}{note}")


def _cells(columns: Columns, guarantee: Guarantee, *, by_event: bool) -> NDArray[np.int64]:
    """The rows of each unit, (units, rows of one)."""
    n_rows = len(columns[guarantee.columns[0]])
    if not by_event or guarantee.counts is None:
        return np.arange(n_rows)[:, np.newaxis]
    counts = columns[guarantee.counts].astype(np.int64)
    starts = (np.cumsum(counts) - counts)[counts >= 2]
    return starts[:, np.newaxis] + np.arange(2)


def _array(columns: Columns, names: Sequence[str], places: NDArray[np.int64]) -> Values:
    """The values of units, (units, columns times rows of one)."""
    return np.concatenate([columns[name][places] for name in names], axis=1)


def _safeguards(guarantee: Guarantee, expression: Expression, n_rows: int) -> list[dict[str, Any]]:
    names = list(_cell_names(guarantee.columns, n_rows))
    cells = {name: f"X[0,{number}]" for number, name in enumerate(names)}
    text = expression.text
    for name, cell in cells.items():
        text = text.replace(f"{{{name}}}", cell)
    row = {"axis": 1, "before": 0, "after": len(names) - 1, "boundary": "valid"}
    bound = ("abs", 0) if guarantee.relative is None else ("rel", guarantee.relative)
    return [
        {"kind": "eb", "type": "rel", "eb": 2.0 ** -(PLAIN + 1)},
        {
            "kind": "qoi_eb_stencil",
            "qoi": text,
            "type": bound[0],
            "eb": bound[1],
            "qoi_dtype": "float64",
            "neighbourhood": [{"axis": 0, "before": 0, "after": 0, "boundary": "valid"}, row],
        },
    ]


def _cell_names(columns: Sequence[str], n_rows: int) -> Iterator[str]:
    for name in columns:
        yield from ([name] if n_rows == 1 else (f"{name}{row}" for row in range(n_rows)))


def _safeguarded_codec(approximate: Values, safeguards: list[dict[str, Any]]) -> Any:
    """A codec that stores nothing but corrections of an array that is stored elsewhere."""
    # Not among the packages of the project.
    from numcodecs.abc import Codec  # noqa: PLC0415
    from numcodecs_safeguards import SafeguardedCodec  # noqa: PLC0415

    class Elsewhere(Codec):  # type: ignore[misc]
        codec_id = "elsewhere"

        def encode(self, buf: Any) -> bytes:  # noqa: ARG002
            return b"\0"

        def decode(self, buf: Any, out: Any = None) -> Values:  # noqa: ARG002
            return approximate.copy()

    return SafeguardedCodec(
        codec=Elsewhere(),
        safeguards=safeguards,
        compute={"unstable_iterative": True},
        lossless={"for_corrections": _coder_of_corrections()},
    )


def _coder_of_corrections() -> Any:
    """What the package does by itself, with zstd at level 19 in place of 3."""
    from numcodecs.zstd import Zstd  # noqa: PLC0415
    from numcodecs_bitmap_index import BitmapIndexCodec  # noqa: PLC0415
    from numcodecs_combinators.best import PickBestCodec  # noqa: PLC0415
    from numcodecs_combinators.framed import FramedCodecStack  # noqa: PLC0415
    from numcodecs_combinators.stack import CodecStack  # noqa: PLC0415
    from numcodecs_delta import BinaryDeltaCodec  # noqa: PLC0415
    from numcodecs_shuffle import TypedByteShuffleCodec  # noqa: PLC0415
    from numcodecs_tokenize import TokenizeCodec  # noqa: PLC0415

    def stack(*first: Any) -> Any:
        packed = FramedCodecStack(Zstd(level=19))
        return CodecStack(*first, TokenizeCodec(), BitmapIndexCodec(max_bitmaps=1), TypedByteShuffleCodec(), packed)

    return PickBestCodec(stack(), stack(BinaryDeltaCodec()))
