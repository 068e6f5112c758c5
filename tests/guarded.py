"""Random tables with random guarantees, the laws that they keep, and a judge that shares nothing with the package."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np

import baler_vae
from baler_vae.codec.batches import decode_batch, encode_batch
from baler_vae.codec.codec import Codec
from baler_vae.errors import UsageError
from baler_vae.fitting import guards, moves
from baler_vae.grid.judge import keeps_bound
from baler_vae.grid.numbers import same_bits
from baler_vae.guarantees.promises import Promises
from baler_vae.source.source import Source
from baler_vae.table.schema import Origin, Schema
from baler_vae.table.table import Batch
from tests.tables import batch_of

THRESHOLDS = (0.0, 1.0, 2.5, 20.0, 30.0)
ODD = (0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, 1e-40, 1e-310, 3e38, -3e38, 1e300, 2.0**53, -1.0)
BOUNDS = (
    *("bits:3", "bits:8", "bits:10", "bits:20", "bits:10,floor:0.01", "abs:0.5", "abs:0.01", "abs:1e-7", "rel:1e-3"),
    *("rel:0.1", "rel:1e-2,floor:0.1", "range:1e-3", "range:0.2", "exact"),
)
TOLERANCES = (
    "rel:1e-3",
    "rel:1e-5",
    "rel:1e-12",
    "rel:0.5",
    "abs:0.1",
    "abs:1e-4",
    "rel:1e-2,floor:1",
    "bits:8",
    "exact",
    "range:1e-4",
)
EVENT = ("met", "met_phi", "w", "pt1", "eta1", "phi1", "pt2", "eta2", "phi2")
JET = ("Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass", "Jet_q")
FORMULAS = (
    "met + w", "met*cos(met_phi)", "hypot(pt1, pt2)", "pt1/pt2", "log(w)", "sqrt(w*w - met)", "Jet_pt*sinh(Jet_eta)",
    "Jet_pt - met", "abs(wrap(Jet_phi - met_phi))", "Jet_pt/met + Jet_q", "mass(w, met)", "atan2(pt1, w)", "met - met",
    "Jet_eta*0 + 1", "-met**3", "exp(Jet_pt)", "pt1*pt1 - pt2*pt2", "n*met",
)  # fmt: skip
OBJECTS = (
    {"kind": "mass", "objects": ["*1", "*2"], "mass_of_each": 0.105},
    {"kind": "mass", "objects": ["Jet_*"], "rows": [0, 1]},
    {"kind": "mass", "objects": ["Jet_*"]},
    {"kind": "mass", "objects": ["Jet_*"], "rows": [2], "mass_of_each": 0},
    {"kind": "pt", "objects": ["*1", "*2"]},
    {"kind": "pt", "objects": ["Jet_*"], "rows": [0, 2]},
    {"kind": "ht", "objects": ["Jet_*"]},
    {"kind": "ht", "objects": ["Jet_*"], "rows": [1]},
    {"kind": "missing_pt", "objects": ["Jet_*"]},
    {"kind": "delta_r", "objects": ["*1", "*2"]},
    {"kind": "delta_r", "objects": ["Jet_*"], "rows": [0, 1]},
    {"kind": "delta_phi", "objects": ["Jet_*"], "rows": [1, 2]},
    {"kind": "delta_phi", "objects": ["*1", "*2"]},
)
CUTS = (
    "Jet_pt > 30", "(Jet_pt > 30) & (abs(Jet_eta) < 2.5)", "~(Jet_pt >= 20) | (Jet_q == 1)", "met > 20",
    "(met > 20) & (count(Jet_pt > 30) >= 2)", "count(Jet_pt > 20) == 1", "1 < Jet_eta <= 2.5", "met >= w",
    "count((Jet_pt > 1) & (Jet_eta < 0)) + n > 3", "hypot(pt1, pt2) > 30", "(Jet_pt > met) & (met > 0)", "w != 1",
    "n > 2", "count(Jet_pt > met) >= 1", "Jet_pt - met > 0",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Tables of a schema: that a codec is fitted to, and others; and what is asked of it."""

    schema: Schema
    tables: tuple[Batch, ...]
    bounds: list[str]
    guarantees: list[Any]
    kind: str


def drawn_case(random: Random, *, most_events: int = 40, kinds: tuple[str, ...] = ("independent",)) -> Case:
    """A case."""
    dtypes = {name: random.choice(["f4", "f8"]) for name in (*EVENT, *JET)}
    dtypes["w"] = random.choice(["f4", "f8", "i4", "i8", "u1", "u8"])
    dtypes["Jet_q"] = random.choice(["i1", "f4", "i8", "u2"])
    dtypes["met"] = random.choice(["f4", "f8", "f2", "i4"])
    oddness = random.choice([0.0, 0.0, 0.02, 0.3])
    piled = random.choice([0.0, 0.1, 0.9])
    seeds = [random.getrandbits(32) for _ in range(2)]
    sizes = [random.randint(1, most_events), random.randint(0, most_events)]
    tables = [_batch(np.random.default_rng(s), n, dtypes, oddness, piled) for s, n in zip(seeds, sizes, strict=True)]
    bounds = [random.choice([*BOUNDS, "bits:10"])]
    for name in (*EVENT, *JET):
        if random.random() < 0.4:
            bound = random.choice(BOUNDS)
            bounds.append(f"{name}={bound}{',dither' if bound != 'exact' and random.random() < 0.2 else ''}")
    guarantees = [_guarantee(random, number) for number in range(random.randint(1, 4))]
    return Case(tables[0][0], tuple(batch for _, batch in tables), bounds, guarantees, random.choice(kinds))


def _batch(
    rng: np.random.Generator, n: int, dtypes: dict[str, str], oddness: float, piled: float
) -> tuple[Schema, Batch]:
    counts = rng.integers(0, 7, n).astype(np.int32)
    n_jets = int(counts.sum())

    def column(name: str, size: int) -> np.ndarray:
        if name.endswith(("phi", "phi1", "phi2")):
            values = rng.uniform(-np.pi, np.pi, size)
        elif name.endswith(("eta", "eta1", "eta2")):
            values = rng.normal(0, 2, size)
        else:
            values = rng.exponential(25, size)
        if name == "Jet_q":
            values = rng.integers(0, 3, size).astype(float)
        if name == "Jet_mass":
            values = values / 5
        values = np.where(rng.random(size) < piled, rng.choice(THRESHOLDS, size), values)
        if np.dtype(dtypes[name]).kind == "f":
            values = np.where(rng.random(size) < oddness, rng.choice(ODD, size), values)
        with np.errstate(all="ignore"):
            found = values.astype(dtypes[name])
            if np.dtype(dtypes[name]).kind == "f":
                up = np.nextafter(found, np.array(np.inf, found.dtype))
                found = np.where(rng.random(size) < piled / 4, up, found)
        return found

    events = {name: column(name, n) for name in EVENT} | {"n": counts}
    jets = {name: column(name, n_jets) for name in JET}
    return batch_of({"events": events, "Jet": jets}, {"Jet": "n"}, Origin("root", "Events"))


def _guarantee(random: Random, number: int) -> Any:
    what = random.random()
    if what < 0.35:
        cut = random.choice(CUTS)
        if cut.startswith(("Jet", "(Jet", "1 <")) and random.random() < 0.5:
            return {"cut": cut, "at_least": random.randint(1, 3)}
        return cut
    bound = random.choice(TOLERANCES)
    if what < 0.65:
        return f"{random.choice(FORMULAS)}={bound}"
    return {"quantity": {"name": f"q{number}", **random.choice(OBJECTS)}, "bound": bound}


def source_of(schema: Schema, batch: Batch) -> Source:
    """A source of one batch in memory."""
    return Source("memory", schema, batch[0].n_rows, lambda *_: iter([batch]))


@contextmanager
def moving(*, classes: bool = False) -> Iterator[None]:
    """Values of small tables move, which would cost more than it saves, and perhaps under tables by class."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(guards, "CORRECTION_BITS", -1.0))
        if classes:
            stack.enter_context(patch.object(moves, "LEAST_CLASS_ITEMS", 2))
            stack.enter_context(patch.object(moves, "CLASS_BITS", -1000.0))
        yield


def fitted(case: Case) -> Codec | None:
    """The codec of a case; None where it is refused, as a cut that nothing passes. Every second has classes."""
    try:
        with moving(classes=case.tables[0][0].n_rows % 2 == 0):
            return baler_vae.fit(
                source_of(case.schema, case.tables[0]),
                bound=case.bounds,
                guarantees=case.guarantees,
                kind=case.kind,
                **({"epochs": 2} if case.kind != "independent" else {}),
            )
    except UsageError:
        return None


def check_laws(codec: Codec, batch: Batch, *, lazily: bool = True) -> None:
    """Check that a batch comes back as promised, that what comes back is encoded to the same bytes, and that any
    columns alone are what they are together.
    """
    schema, sizes = codec.schema, [table.n_rows for table in batch]
    sections = encode_batch(batch, codec)
    back = decode_batch(sections, codec.models, schema, schema, sizes)
    for table, own in zip(batch, back, strict=True):
        for name in table.group.names:
            assert own[name].dtype == table[name].dtype, name
            assert keeps_bound(table[name], own[name], codec.bounds[name]).all(), name
    promises = Promises(codec.guarantees, schema)
    for promise, kept in zip(promises.all, promises.kept(promises.values(batch), promises.values(back)), strict=True):
        assert kept.all(), promise.guarantee.text
    assert encode_batch(back, codec) == sections, "not the same bytes again"
    for name in schema.order if lazily else ():
        selection = schema.only({name})
        for table in decode_batch(sections, codec.models, schema, selection, sizes):
            whole = next(own for own in back if own.group.name == table.group.name)
            for each in table.group.names:
                assert same_bits(table[each], whole[each]).all(), f"{each} alone"
