"""Fuzzing of the reader, by hand: `python tests/format/fuzz.py MINUTES [SEED]`.

Small archives are changed in their bytes, in the bytes of a section (with the right digest around them), or in a value
of their manifest, and then read to the last column. Only children of `ArchiveError`, in memory under a cap, are right.
"""

import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import baler_vae
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.manifest import ColumnEntry, Manifest
from baler_vae.errors import ArchiveError, UsageError
from baler_vae.io.files import write_file
from baler_vae.pipeline.codec import Codec
from baler_vae.pipeline.reading import Archive
from baler_vae.table.nested import Nested
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table

MEMORY = 3 << 30
N_EVENTS = 80


def originals(folder: Path) -> list[Path]:
    """A few small archives and a codec that together have every coding."""
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 4, N_EVENTS).astype(np.int32)
    events = {
        "n": counts,
        "id": np.arange(N_EVENTS, dtype=np.int64) * 10**12,
        "met": np.where(rng.random(N_EVENTS) < 0.1, np.nan, rng.exponential(30, N_EVENTS)).astype(np.float32),
        "name": np.array([None if i % 7 == 0 else "é" * (i % 5) for i in range(N_EVENTS)], object),
    }
    tracks: Any = Nested(pa.array([[f"track {k}" for k in range(i % 4)] or None for i in range(N_EVENTS)]))
    events["tracks"] = tracks
    jets = {"pt": rng.exponential(40, counts.sum()), "eta": np.round(rng.normal(0, 2, counts.sum()), 3)}
    jets["pz"] = jets["pt"] * np.sinh(jets["eta"])
    jets["energy"] = np.hypot(jets["pt"] * 1.01, jets["pz"])
    groups = (
        Group("events", tuple(Column(n, a.dtype) for n, a in events.items())),
        Group("jet", tuple(Column(n, a.dtype) for n, a in jets.items()), "n"),
    )
    schema = Schema(groups, (*events, *jets), Origin("parquet"))
    source = folder / "source.parquet"
    write_file(source, schema, [(Table(groups[0], events), Table(groups[1], jets))])
    small = {"hidden": (8, 4), "epochs": 2, "latent": 2}
    runs = {
        "independent": {"kind": "independent", "bound": "abs:0.01"},
        "autoregressive": {"kind": "autoregressive", "bound": "abs:0.01", "keep_network": True, **small},
        "vae": {"kind": "vae", "bound": "bits:8", "keep_network": True, **small},
        "exact": {"kind": "ae", "bound": "exact", "keep_network": True, **small},
        "free": {"kind": "vae", "bound": ["free", "met=exact"], **small},
    }
    for name, options in runs.items():
        baler_vae.compress(source, folder / f"{name}.bvae", **options)
    baler_vae.fit(source, **runs["vae"]).save(folder / "codec.bvmodel")
    paths = sorted(folder.glob("*.bv*"))
    found = {column.coding for path in paths for column in columns_of(path)}
    if found != {None, "table-1", "network-1", "pcodec-codes-1", "pcodec-1", "text-1", "arrow-1"}:
        raise SystemExit(f"codings are missing: {sorted(map(str, found))}")
    if not any(column.formula and column.coding == "network-1" for path in paths for column in columns_of(path)):
        raise SystemExit("no network serves differences from a formula")
    return paths


def columns_of(path: Path) -> list[ColumnEntry]:
    """All columns of a manifest."""
    with ArchiveFile(path) as archive:
        return [column for group in archive.manifest.groups for column in group.columns]


def changed_bytes(data: bytes, rng: random.Random) -> bytes:
    """The bytes with a few of them changed, taken out, doubled or cut off."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        place = rng.randrange(len(changed) + 1)
        match rng.randrange(5):
            case 0 if place < len(changed):
                changed[place] ^= 1 << rng.randrange(8)
            case 1:
                changed[place : place + 8] = rng.randbytes(rng.randrange(9))
            case 2:
                del changed[place : place + rng.randrange(1, 32)]
            case 3:
                changed[place:place] = changed[place : place + rng.randrange(1, 32)]
            case _:
                number = rng.choice((0, 1, 127, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1))
                size = rng.choice((1, 4, 8))
                changed[place : place + size] = (number % 256**size).to_bytes(size, "little")
    return bytes(changed)


def changed_value(content: object, rng: random.Random) -> object:
    """The document with one value changed, taken out or doubled."""
    if isinstance(content, dict) and content and rng.random() < 0.9:
        key = rng.choice(sorted(content))
        if rng.random() < 0.1:
            return {k: v for k, v in content.items() if k != key}
        return {**content, key: changed_value(content[key], rng)}
    if isinstance(content, list) and content and rng.random() < 0.9:
        place = rng.randrange(len(content))
        value = changed_value(content[place], rng)
        return content[:place] + rng.choice(([], [value], [value], [value, value])) + content[place + 1 :]
    if isinstance(content, (int, float)) and not isinstance(content, bool) and rng.random() < 0.5:
        return rng.choice((content + 1, content - 1, -content, content * 2, 0))
    choices = (
        None,
        True,
        0,
        1,
        -1,
        2**24,
        2**31,
        2**63,
        2**64,
        1e300,
        5e-324,
        "",
        10**400,
        "table-1",
        "network-1",
        "pt * pz",
        "met + pt",
        "pcodec-codes-1",
        "pcodec-1",
    )
    return rng.choice(
        (
            *choices,
            "text-1",
            "arrow-1",
            "raw-1",
            "float16",
            "uint64",
            "bool",
            "text",
            "nested",
            "exact",
            "abs:1",
            "free",
            [],
            {},
        )
    )


def forge(original: Path, target: Path, rng: random.Random) -> None:
    """Writes a changed archive."""
    way = rng.randrange(4)
    if way == 0:
        target.write_bytes(changed_bytes(original.read_bytes(), rng))
        return
    with ArchiveFile(original) as archive:
        sections = {name: archive.section(name) for name in archive.manifest.sections}
        manifest = archive.manifest
    if way < 3:
        name = rng.choice(sorted(sections))
        sections[name] = changed_bytes(sections[name], rng)
    with writing_archive(target, force=True) as writer:
        for name, data in sections.items():
            writer.add(name, data)
        if way == 3:
            content = json.loads(json.dumps(manifest.model_dump(mode="json", exclude={"sections"})))
            for _ in range(rng.choice((1, 1, 2))):
                content = changed_value(content, rng)
            manifest = _Unchecked(content if isinstance(content, dict) else {})
        writer.finish(manifest)


class _Unchecked(Manifest):
    """A manifest that says whatever it is told to."""

    def __init__(self, content: dict[str, object]) -> None:
        super().__init__(
            kind="archive", writer="", origin={"format": "", "name": "", "title": "", "shape": ()}, groups=(), order=()
        )
        object.__setattr__(self, "content", content)

    def model_copy(self, *, update: dict[str, object]) -> "_Unchecked":
        sections = {name: entry.model_dump() for name, entry in update["sections"].items()}
        return _Unchecked({**self.content, "sections": sections})

    def model_dump(self, **_: object) -> dict[str, object]:
        return self.content


def read(path: Path) -> None:
    """Reads all that a file holds."""
    if path.suffix == ".bvmodel":
        Codec.load(path)
        return
    with Archive(path) as archive:
        archive.check_sections()
        archive.info()
        archive.extras()
        for _ in archive.batches(archive.schema):
            pass


def main(minutes: float, seed: int) -> int:
    """The number of failures, each printed with the seed that repeats it."""
    failures, done, refused = 0, 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = originals(folder)
        for path in paths:
            read(path)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            rng = random.Random(seed)
            original = rng.choice(paths)
            target = folder / f"changed{original.suffix}"
            forge(original, target, rng)
            try:
                read(target)
            except (ArchiveError, UsageError):
                refused += 1
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                failures += 1
                print(f"seed {seed}, {original.name}: {type(error).__name__}: {error}", flush=True)
            seed, done = seed + 1, done + 1
    print(f"{done:,} files read, {refused:,} refused, {failures:,} failures")
    return failures


if __name__ == "__main__":
    sys.exit(bool(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)))
