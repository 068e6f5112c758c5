"""How far an archive is from what its table could take: an estimate of the joint entropy of the codes under a bound.

    python -m benchmarks.entropy --data jets --bound bits:10 [--kind auto | --archive-bytes N]

Each column has an autoregressive network of its own, far larger than any that pays in an archive: it sees all columns
before it in the row, and all columns of the two objects before it in the event, and is trained on 80 % of the events.
The bits of the other 20 % count, those of the weights do not. Where pcodec takes fewer bits for a column, these count.
No estimate of this kind is below the entropy but by chance; it may be above.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import baler_vae
from baler_vae.entropy.alphabet import fit_alphabet
from baler_vae.entropy.plain import encode_numbers, encode_text
from baler_vae.grid.centred import centred
from baler_vae.grid.choose import choose_grid
from baler_vae.grid.codes import predict_codes, quantise_column
from baler_vae.grid.numbers import Integers64
from baler_vae.model.coders import differences
from baler_vae.table.schema import TEXT
from baler_vae.table.table import Batch, Table, counts_of
from benchmarks.data import CASES, explicit_bounds, flat_columns, read_batch
from benchmarks.relations import RELATIONS, Formula
from benchmarks.rivals.signature import Bounds, Values

HIDDEN = 256
TRAINED_SHARE = 0.8
_RANGE_BITS = 12.0
_DIGIT_BITS = 6
_BATCH_ROWS = 1024
_ROWS_SEEN = 2_500_000
_EPOCHS = (4, 40)
_RANKED = 20_000


@dataclass(frozen=True)
class CodedColumn:
    """A column as its codes, or as their differences from predicted ones, int64 (rows,), and what later columns see of
    it, float32 (rows, 2).
    """

    name: str
    codes: Integers64
    seen: NDArray[np.float32]
    plain_bits: float


@dataclass(frozen=True)
class Estimate:
    """The bits per row of a column, by the network and by pcodec."""

    name: str
    network: float
    pcodec: float

    @property
    def bits(self) -> float:
        return min(self.network, self.pcodec)


def coded_columns(table: Table, bounds: Bounds, formulas: Mapping[str, Formula]) -> list[CodedColumn]:
    """The numeric columns of a table on the grids that suit pcodec, those with a formula last and centred on it."""
    names = [name for name in table.group.names if table[name].dtype != TEXT]
    restored: dict[str, Values] = {}
    found = []
    for name in sorted(names, key=lambda name: name in formulas):
        values, bound = table[name], bounds[name]
        grid = choose_grid(values, bound, cost=lambda codes: 8.0 * len(encode_numbers(codes.codes)))
        codes = quantise_column(values, grid, bound)
        plain_bits = 8.0 * len(encode_numbers(codes.codes)) / max(1, len(values))
        numbers = codes.codes
        if name in formulas:
            with np.errstate(all="ignore"):
                predicted = predict_codes(formulas[name](restored), around := centred(grid) or grid, values.dtype)
            codes = quantise_column(values, predicted.grid, bound)
            numbers = differences(codes.codes, predicted.codes, around)
        restored[name] = codes.restored.astype(np.float64)
        found.append(CodedColumn(name, numbers, _seen(restored[name]), plain_bits))
    return found


def _seen(values: Values) -> NDArray[np.float32]:
    """A column (rows,) as a network may see it, float32 (rows, 2): its rank from -1 to 1, and its size, squeezed."""
    finite = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    ordered = np.sort(finite[:: max(1, len(finite) // _RANKED)])
    ranks = (np.searchsorted(ordered, finite) + np.searchsorted(ordered, finite, side="right")) / max(1, len(ordered))
    scale = np.median(np.abs(finite[finite != 0])) if np.any(finite) else 1.0
    return np.stack([ranks - 1, np.arcsinh(finite / scale)], axis=1).astype(np.float32)


def event_context(batch: Batch, number: int, own: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """What every column of a table may see of its event, float32 (rows, features), and each row's event, (rows,).

    `own` float32 (rows, features) is what can be seen of each row; that of the two rows before in the event is in it.
    """
    table = batch[number]
    if table.group.counter is None:
        return np.zeros((table.n_rows, 1), np.float32), np.arange(table.n_rows)
    counts = counts_of(batch, table.group)
    events = np.repeat(np.arange(len(counts)), counts)
    ranks = np.arange(len(events)) - np.repeat(np.cumsum(counts) - counts, counts)
    parts = [np.stack([np.log1p(ranks), np.log1p(counts[events]), ranks == 0, ranks == 1], axis=1)]
    for before in (1, 2):
        shifted = np.zeros_like(own)
        shifted[before:] = own[:-before]
        parts.append(np.where(ranks[:, None] >= before, shifted, 0))
    numbers = [values for values in batch[0].arrays.values() if values.dtype != TEXT]
    parts += [_seen(values.astype(np.float64))[events] for values in numbers]
    return np.concatenate(parts, axis=1).astype(np.float32), events


class ColumnNetwork(nn.Module):
    """Logits of a symbol given features, and of the next digit given the symbol too."""

    def __init__(self, n_features: int, n_symbols: int, hidden: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(n_features, hidden), nn.LeakyReLU(), nn.Linear(hidden, hidden), nn.LeakyReLU()
        )
        self.symbols = nn.Linear(hidden, n_symbols)
        self.embedding = nn.Embedding(n_symbols, 32)
        self.digits = nn.Sequential(nn.Linear(hidden + 32, 128), nn.LeakyReLU(), nn.Linear(128, 1 << _DIGIT_BITS))

    def bits(self, features: Tensor, symbols: Tensor, digits: Tensor, n_digits: Tensor) -> Tensor:
        """The bits (rows,) of symbols and digits (rows,), of which each row has `n_digits` (rows,) possible ones."""
        inner = self.body(features)  # [rows, hidden]
        bits = nn.functional.cross_entropy(self.symbols(inner), symbols, reduction="none")
        logits = self.digits(torch.cat([inner, self.embedding(symbols)], 1))  # [rows, digits]
        possible = torch.arange(logits.shape[1], device=logits.device)[None, :] < n_digits[:, None]
        logits = logits.masked_fill(~possible, -torch.inf)
        return (bits + nn.functional.cross_entropy(logits, digits, reduction="none")) / float(np.log(2))


def network_bits(
    codes: Integers64, features: NDArray[np.float32], trained: NDArray[np.bool_], *, hidden: int, seed: int = 0
) -> float:
    """The bits per row that codes (rows,) take outside `trained` (rows,) under a network that sees features."""
    alphabet = fit_alphabet(codes[trained], range_bits=_RANGE_BITS)
    symbols, offsets = alphabet.split(codes)
    widths = alphabet.widths[symbols].astype(np.int64)
    flat = np.maximum(widths - _DIGIT_BITS, 0)
    if alphabet.n_symbols == 2 and not widths.any():
        return 0.0
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    inputs = np.where(np.isfinite(features), features, 0)
    mean, spread = inputs[trained].mean(axis=0), inputs[trained].std(axis=0) + 1e-6
    tensors = [
        torch.from_numpy(np.ascontiguousarray(array)).to(device)
        for array in (
            ((inputs - mean) / spread).astype(np.float32),
            symbols.astype(np.int64),
            (offsets >> flat.astype(np.uint64)).astype(np.int64),
            1 << np.minimum(widths, _DIGIT_BITS),
        )
    ]
    network = ColumnNetwork(features.shape[1], alphabet.n_symbols, hidden).to(device)
    rows = torch.from_numpy(np.flatnonzero(trained)).to(device)
    judged = torch.from_numpy(np.flatnonzero(~trained)).to(device)
    return _least_bits(network, tensors, rows, judged) + float(flat[~trained].mean())


def _least_bits(network: ColumnNetwork, tensors: list[Tensor], rows: Tensor, judged: Tensor) -> float:
    """The bits per judged row after the best epoch of a training."""
    epochs = int(np.clip(_ROWS_SEEN / len(rows), *_EPOCHS))
    n_steps = epochs * -(-len(rows) // _BATCH_ROWS)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=n_steps)
    least = np.inf
    for _ in range(epochs):
        for batch in rows[torch.randperm(len(rows), device=rows.device)].split(_BATCH_ROWS):
            optimiser.zero_grad(set_to_none=True)
            network.bits(*(tensor[batch] for tensor in tensors)).mean().backward()
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            parts = [network.bits(*(t[batch] for t in tensors)).sum() for batch in judged.split(1 << 14)]
        least = min(least, float(torch.stack(parts).sum()) / len(judged))
    return least


def estimate_table(
    batch: Batch, number: int, bounds: Bounds, formulas: Mapping[str, Formula], *, hidden: int = HIDDEN
) -> list[Estimate]:
    """The bits per row of every numeric column of one table of a batch."""
    columns = coded_columns(batch[number], bounds, formulas)
    if not columns or batch[number].n_rows < 10:
        return [Estimate(column.name, np.inf, column.plain_bits) for column in columns]
    own = np.concatenate([column.seen for column in columns], axis=1)
    context, events = event_context(batch, number, own)
    trained = np.random.default_rng(0).random(int(events.max()) + 1)[events] < TRAINED_SHARE
    found = []
    for place, column in enumerate(columns):
        features = np.concatenate([context, own[:, : 2 * place]], axis=1)
        bits = network_bits(column.codes, features, trained, hidden=hidden)
        found.append(Estimate(column.name, bits, column.plain_bits))
        print(f"  {column.name:28} {bits:8.3f} bits/row, pcodec {column.plain_bits:8.3f}", file=sys.stderr, flush=True)
    return found


def estimate_bytes(name: str, bound: str, folder: Path, *, hidden: int = HIDDEN) -> float:
    """The estimated bytes of all columns of a case; text as zstandard has it."""
    schema, batch = read_batch(*CASES[name].source(folder))
    bounds = explicit_bounds(schema, flat_columns(schema, batch), bound)
    total = 0.0
    for number, table in enumerate(batch):
        estimates = estimate_table(batch, number, bounds, RELATIONS.get(name, {}), hidden=hidden)
        bits = sum(estimate.bits for estimate in estimates)
        texts = sum(len(encode_text(table[column])) for column in table.group.names if table[column].dtype == TEXT)
        print(f"{name} {bound}, {table.group.name or 'events'}: {bits:.3f} bits/row, {table.n_rows:,} rows")
        total += bits * table.n_rows / 8 + texts
    return total


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="gsoc", choices=tuple(CASES))
    parser.add_argument("--bound", default="bits:10")
    parser.add_argument("--hidden", type=int, default=HIDDEN, help=f"units of each of two layers (default: {HIDDEN})")
    parser.add_argument("--kind", default="auto", help="our kind of model (default: auto)")
    parser.add_argument("--archive-bytes", type=int, help="the size of our archive, instead of making it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        archive_bytes = options.archive_bytes
        if archive_bytes is None:
            source, columns = CASES[options.data].source(folder)
            path = folder / "ours.bvae"
            baler_vae.compress(source, path, columns=columns, bound=options.bound, kind=options.kind, verify=False)
            archive_bytes = path.stat().st_size
        estimated = estimate_bytes(options.data, options.bound, folder, hidden=options.hidden)
    distance = 100 * (archive_bytes / estimated - 1) if estimated else np.inf
    print(f"estimated entropy {estimated:,.0f} bytes, archive {archive_bytes:,} bytes: {distance:+.1f} %")


if __name__ == "__main__":
    main()
