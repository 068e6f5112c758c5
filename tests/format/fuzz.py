"""Fuzzing of the reader, by hand: `python tests/format/fuzz.py DEEP LIES [SEED]`, such as 20000 5000.

Small archives and a codec are changed in their bytes, in a section or a part of one (with the right digests around
them), or in a value of their manifest. Then they are read to the last column and used in one more way. Only errors of
ours are right, in memory under a cap and without a hang; a warning is a failure, and so is what is left behind.
"""

import faulthandler
import io
import json
import random
import resource
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import zstandard

import baler_vae
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.manifest import ColumnEntry, Manifest
from baler_vae.archive.parts import pack_checked_parts, pack_parts, unpack_checked_parts, unpack_parts
from baler_vae.cli.app import main as run_command
from baler_vae.codec.codec import Codec
from baler_vae.entropy import plain
from baler_vae.errors import ArchiveError, BalerError, UsageError, shown
from baler_vae.io.files import write_file
from baler_vae.reader.archive import Archive
from baler_vae.table.nested import Nested
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table

MEMORY = 3 << 30
PATIENCE = 120
"""Seconds after which a file is said to hang."""
N_EVENTS = 80


KINDS = ("independent", "autoregressive", "vae", "exact", "free", "second")
SECOND = Path(__file__).parents[1] / "golden" / "second"
"""Archives of format 2: cells under networks, convolutions, padded collections."""


def originals(folder: Path, kinds: Sequence[str] = KINDS) -> list[Path]:
    """A few small archives and a codec; all of them together have every coding."""
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
    for name in runs.keys() & {*kinds}:
        baler_vae.compress(source, folder / f"{name}.bvae", **runs[name])
    for path in SECOND.glob("*.bvae") if "second" in kinds else ():
        shutil.copy(path, folder)
    if "vae" not in kinds:
        baler_vae.fit(source, **runs["independent"]).save(folder / "codec.bvmodel")
        return sorted(folder.glob("*.bv*"))
    baler_vae.fit(source, **runs["vae"]).save(folder / "codec.bvmodel")
    paths = sorted(folder.glob("*.bv*"))
    found = {column.coding for path in paths for column in columns_of(path)}
    if found != {
        None,
        "table-1",
        "context-1",
        "neighbours-1",
        "network-1",
        "cells-1",
        "pcodec-codes-1",
        "pcodec-1",
        "text-1",
        "arrow-1",
    }:
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
    return rng.choice(VALUES)


VALUES: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 2**24, 2**31, 2**63, 2**64, 10**400, 1e300, 5e-324),
    *("", "table-1", "context-1", "network-1", "cells-1", "pcodec-codes-1", "pcodec-1", "text-1", "arrow-1", "raw-1"),
    "neighbours-1",
    *("float16", "uint64", "bool", "text", "nested", "exact", "abs:1", "free", "pt * pz", "met + pt"),
    *("\x1b[31m", "\udcff", "\N{RIGHT-TO-LEFT OVERRIDE}x", "../../x", "/tmp/x", ".", "..", "a/../b", "a\0b", "x" * 400),
    *([], {}, [[]], [None], {"": {}}, {"kind": []}, [1e300], {"a": 10**400}, [8, 9], [2] * 9, [2**20], [4096, 4096]),
)
"""What a value of a manifest may become."""


def deeply_changed(manifest: Manifest, name: str, data: bytes, rng: random.Random) -> bytes:
    """A section with one of its parts changed, and the sizes and CRC-32s of parts mended; within a frame of zstandard,
    what is in it.
    """
    if name.startswith("groups/"):
        group = manifest.groups[int(name.split("/")[1])]
        n_parts = sum(column.coding is not None for column in group.columns)
        if group.latents is not None:
            n_parts += len(group.latents.codings) * (2 if group.latents.keeps_log_variance else 1)
        if group.guard is not None:
            n_parts += len(group.guard.corrections) + (1 + len(group.guard.patched) if group.guard.patched else 0)
        parts = unpack_checked_parts(data, n_parts)
    elif name in {"extras", "history"}:
        return changed_frame(data, rng)
    else:
        parts = unpack_parts(data)
    if not parts:
        return changed_bytes(data, rng)
    number = rng.randrange(len(parts))
    if rng.random() < 0.1:
        other = rng.randrange(len(parts))
        parts[number], parts[other] = parts[other], parts[number]
    else:
        parts[number] = changed_frame(parts[number], rng)
    return pack_checked_parts(parts) if name.startswith("groups/") else pack_parts(parts)


def changed_frame(data: bytes, rng: random.Random) -> bytes:
    """The bytes changed; mostly those in a frame of zstandard that is found in them."""
    place = data.find(zstandard.FRAME_HEADER)
    if place >= 0 and rng.random() < 0.7:
        try:
            return data[:place] + plain.encode_bytes(changed_bytes(plain.decode_bytes(data[place:]), rng))
        except ValueError:
            pass
    return changed_bytes(data, rng)


def forge(original: Path, target: Path, rng: random.Random, way: str) -> None:
    """Writes a changed archive: its `bytes`, a `section` or `deep` in one (with right digests around them), or a `lie`
    in its manifest.
    """
    if way == "bytes":
        target.write_bytes(changed_bytes(original.read_bytes(), rng))
        return
    with ArchiveFile(original) as archive:
        sections = {name: archive.section(name) for name in archive.manifest.sections}
        manifest = archive.manifest
    if way in {"section", "deep"}:
        name = rng.choice(sorted(sections))
        change = changed_bytes if way == "section" else partial(deeply_changed, manifest, name)
        sections[name] = change(sections[name], rng)
    with writing_archive(target, force=True) as writer:
        for name, data in sections.items():
            writer.add(name, data)
        if way == "lie":
            content = json.loads(json.dumps(manifest.to_document()))
            del content["sections"]
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

    def to_document(self) -> dict[str, object]:
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


def show(path: Path) -> None:
    """Says what `baler-vae info` says of an archive."""
    command("info", path)
    command("info", path, "--json")


def command(*arguments: object) -> None:
    """Runs the command line, which must end as it does for errors of ours, and must command no terminal."""
    said, noted, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["baler-vae", *map(str, arguments)]
    try:
        with redirect_stdout(said), redirect_stderr(noted):
            run_command()
    except SystemExit as error:
        if error.code not in {0, None, *range(2, 9)}:
            raise ValueError(f"status {error.code}: {noted.getvalue()}") from error
    finally:
        sys.argv = before
    text = said.getvalue() + noted.getvalue()
    if any(letter != "\n" and letter != shown(letter) for letter in text):
        raise ValueError(f"a terminal is commanded: {text!r}")


def use(path: Path, others: Path, rng: random.Random) -> None:
    """Does with a changed file what a user may do with it; `others` is a folder of right files."""
    target = path.parent / "out"
    target.mkdir(exist_ok=True)
    source = others / "source.parquet"
    if path.suffix == ".bvmodel":
        ways = [
            lambda: baler_vae.compress(source, target / "a.bvae", codec=path, force=True),
            lambda: command("compress", source, "-o", target / "a.bvae", "--codec", path, "--force"),
        ]
    else:
        right = others / path.name.replace("changed ", "")
        suffix = rng.choice((".root", ".csv", ".parquet", ".h5", ".npz"))
        ways = [
            lambda: show(path),
            lambda: baler_vae.verify(path),
            lambda: command("verify", path, "--against", source),
            lambda: baler_vae.merge([path, path], target / "m.bvae", force=True),
            lambda: baler_vae.merge(rng.sample([path, right], 2), target / "m.bvae", force=True),
            lambda: command("merge", path, right, "-o", target / "m.bvae", "--force"),
            lambda: baler_vae.decompress(path, target / f"d{suffix}", force=True),
            lambda: command("decompress", path, "-o", target / f"d{suffix}", "--force"),
            lambda: baler_vae.decompress(path, target / "n.root", rntuple=True, force=True),
        ]
    try:
        rng.choice(ways)()
    finally:
        left = [own.name for own in target.iterdir() if ".part" in own.name]
        outside = {own.name for own in path.parent.iterdir()} - {"out", path.name, "seed"}
        if left or outside:
            raise ValueError(f"left behind: {left} {outside}")


def fuzz(paths: Sequence[Path], folder: Path, seeds: Iterable[int], ways: Sequence[str]) -> tuple[int, list[str]]:
    """The number of files that were refused, and a line for each failure. Every file is read, and used in one way."""
    refused, failures = 0, []
    for seed in seeds:
        rng = random.Random(seed)
        original, way = rng.choice(paths), rng.choice(ways)
        target = folder / f"changed {original.name}"
        (folder / "seed").write_text(str(seed))
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        forge(original, target, rng, way)
        try:
            for act in (read, lambda path: use(path, original.parent, rng)):  # noqa: B023  it is called at once
                try:
                    act(target)
                except BalerError as error:
                    refused += act is read
                    if "\n" in str(error) or (act is read and not isinstance(error, (ArchiveError, UsageError))):
                        raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            failures.append(f"seed {seed}, {way}, {original.name}: {type(error).__name__}: {error}")
            print(failures[-1], flush=True)
        finally:
            target.unlink(missing_ok=True)
            shutil.rmtree(folder / "out", ignore_errors=True)
            faulthandler.cancel_dump_traceback_later()
    return refused, failures


def run(n_deep: int, n_lies: int, seed: int = 0, kinds: Sequence[str] = KINDS) -> int:
    """The number of failures among so many files changed in their bytes, sections and parts, and so many lies."""
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "right").mkdir()
        paths = originals(Path(name) / "right", kinds)
        for path in paths:
            read(path)
        changed = Path(name) / "changed"
        changed.mkdir()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        n_failures = 0
        for count, ways in ((n_deep, ("bytes", "section", "deep", "deep", "deep")), (n_lies, ("lie",))):
            refused, failures = fuzz(paths, changed, range(seed, seed + count), ways)
            print(f"{' '.join(dict.fromkeys(ways))}: {count:,} files, {refused:,} refused, {len(failures):,} failures")
            n_failures += len(failures)
    return n_failures


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(bool(run(*map(int, sys.argv[1:4]))))
