"""Damaged and odd files of every format, made of small right ones.

A new format joins by one more entry of `ORIGINALS`: a suffix, and what writes a small right file.
"""

import io
import random
import struct
import zipfile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uproot

N_EVENTS = 40


def columns():
    """Event-level columns by name."""
    rng = np.random.default_rng(0)
    return {
        "run": np.arange(N_EVENTS, dtype=np.int32),
        "met": rng.exponential(30, N_EVENTS),
        "flag": rng.random(N_EVENTS) < 0.5,
    }


def lists():
    """Lists of numbers, one for each event."""
    rng = np.random.default_rng(1)
    return [rng.exponential(40, number).tolist() for number in rng.integers(0, 4, N_EVENTS)]


def write_tree(path):
    import awkward as ak

    with uproot.recreate(path) as file:
        tree = file.mktree("Events", {"run": "int32", "met": "float64", "flag": "bool", "pt": "var * float64"})
        tree.extend({**columns(), "pt": ak.Array(lists())})


def write_rntuple(path):
    import awkward as ak

    with uproot.recreate(path) as file:
        file.mkrntuple("Events", ak.Array({**columns(), "pt": ak.Array(lists())}))


def write_csv(path):
    rows = zip(*columns().values(), ["a,b", 'c""d', "é"] * N_EVENTS, strict=False)
    path.write_text("run,met,flag,name\n" + "".join(f'{a},{b},{c},"{d}"\n' for a, b, c, d in rows))


def table():
    tracks = [{"pt": pt, "name": "x"} if pt else None for pt in lists()]
    return pa.table({**columns(), "pt": lists(), "tracks": tracks, "name": ["é"] * N_EVENTS})


def write_parquet(path):
    pq.write_table(table(), path, row_group_size=25)


def write_feather(path):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table().schema) as writer:
        writer.write_table(table(), max_chunksize=25)


def write_hdf5(path):
    with h5py.File(path, "w") as file:
        for name, values in columns().items():
            file.create_dataset(name, data=values, chunks=(16,), compression="gzip")
        counts = np.array([len(own) for own in lists()])
        jets = file.create_group("jets")
        jets.attrs["counter"] = "jets/njets"
        jets["njets"] = counts
        jets["pt"] = np.concatenate(lists())
        file["name"] = ["é"] * N_EVENTS
        file["matrix"] = np.zeros((N_EVENTS, 3))
        file["compound"] = np.zeros(N_EVENTS, [("pt", "f4"), ("id", "i8")])
        file.attrs["made"] = "here"


def write_npz(path):
    np.savez_compressed(path, **columns(), name=np.array(["a", "bb"] * (N_EVENTS // 2)))


def write_npy(path):
    np.save(path, np.arange(4.0 * N_EVENTS).reshape(N_EVENTS, 4))


ORIGINALS = {
    "tree.root": write_tree,
    "rntuple.root": write_rntuple,
    "plain.csv": write_csv,
    "table.parquet": write_parquet,
    "file.h5": write_hdf5,
    "arrays.npz": write_npz,
    "table.feather": write_feather,
    "array.npy": write_npy,
}
"""What writes a small right file, by name. Suffixes that are not known yet are left out by the tests."""

NUMBERS = (0, 1, 127, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)


def damaged(data: bytes, rng: random.Random, others=()) -> bytes:
    """The bytes cut, flipped, spliced, with other numbers in them, or random ones behind the right beginning."""
    match rng.randrange(8):
        case 0:
            return data[: rng.randrange(len(data))]
        case 1:
            kept = data[: rng.choice((4, 8, 64, 512))]
            return kept + rng.randbytes(rng.randrange(2_000))
        case 2:
            place, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
            return data[:place] + data[end:]
        case 3 if others:
            other = rng.choice(others)
            place = rng.randrange(len(data))
            return data[:place] + other[rng.randrange(len(other)) :]
        case 4:
            place = rng.randrange(len(data))
            return data[:place] + data[place : place + 64] * 3 + data[place:]
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 30))):
        place = rng.randrange(len(changed))
        if rng.random() < 0.5:
            changed[place] ^= 1 << rng.randrange(8)
        else:
            size = rng.choice((1, 2, 4, 8))
            order = rng.choice(("little", "big"))
            changed[place : place + size] = (rng.choice(NUMBERS) % 256**size).to_bytes(size, order)
    return bytes(changed)


def npy_of(shape, dtype="<f8", order=False, version=1):
    """The bytes of an array that claims a shape and holds nothing."""
    header = repr({"descr": dtype, "fortran_order": order, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(header)) + header


def zipped(**members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def odd_hdf5(build):
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        build(file)
    return data.getvalue()


def looped(file):
    file["x"] = np.arange(3.0)
    group = file.create_group("g")
    group["again"] = file


def deep(file):
    place = file
    for _ in range(3_000):
        place = place.create_group("g")
    place["x"] = np.arange(3.0)


ODD = {
    "huge.npz": lambda: zipped(**{"x.npy": npy_of((1 << 50,))}),
    "huge2.npz": lambda: zipped(**{"x.npy": npy_of((1 << 62, 1 << 62))}),
    "negative.npz": lambda: zipped(**{"x.npy": npy_of((-1,))}),
    "objects.npz": lambda: zipped(**{"x.npy": npy_of((2,), "|O") + b"cos\nsystem\n(S'false'\ntR."}),
    "code.npz": lambda: zipped(**{"x.npy": npy_of((2,), "__import__('os').abort()")}),
    "deep.npz": lambda: zipped(**{"x.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", 60_000) + b"(" * 60_000}),
    "nothing.npz": zipped,
    "no_arrays.npz": lambda: zipped(readme="text"),
    "empty_name.npz": lambda: zipped(**{".npy": npy_of((0,))}),
    "huge.npy": lambda: npy_of((1 << 50,)),
    "zero.npy": lambda: npy_of((0, 0)),
    "scalar.npy": lambda: npy_of(()) + bytes(8),
    "nul.csv": lambda: b"a,b\0c\n1,2\n\0,3\n",
    "wide.csv": lambda: b",".join(b"c%d" % i for i in range(3_000)) + b"\n" + b"1," * 2_999 + b"1\n",
    "long_field.csv": lambda: b"a\n" + b"x" * 200_000 + b"\n",
    "quote.csv": lambda: b'a,b\n"' + b"x\n" * 5_000,
    "utf16.csv": lambda: "a,b\n1,2\n".encode("utf-16"),
    "numbers.csv": lambda: b"a,b\n" + b"9" * 5_000 + b",1e999999\n-1e-999999,0x10\n",
    "controls.csv": lambda: b"\x1b[31ma,b\x07\n1,2\n",
    "no_rows.csv": lambda: b"a,b",
    "one_byte.csv": lambda: b"\xff",
    "loop.h5": lambda: odd_hdf5(looped),
    "deep.h5": lambda: odd_hdf5(deep),
    "huge.h5": lambda: odd_hdf5(lambda f: f.create_dataset("x", (1 << 40,), "f8", chunks=(1 << 16,))),
    "huge_rows.h5": lambda: odd_hdf5(lambda f: f.create_dataset("x", (1, 1 << 40), "f8", chunks=(1, 1 << 16))),
    "scalars.h5": lambda: odd_hdf5(lambda f: f.create_dataset("x", data=1.0)),
    "opaque.h5": lambda: odd_hdf5(lambda f: f.create_dataset("x", data=np.zeros(3, "V7"))),
    "references.h5": lambda: odd_hdf5(lambda f: f.create_dataset("x", (3,), h5py.ref_dtype)),
    "enum.h5": lambda: odd_hdf5(lambda f: f.create_dataset("x", (3,), h5py.enum_dtype({"A": 1, "B": 2}))),
    "complex.h5": lambda: odd_hdf5(lambda f: f.create_dataset("x", (3,), "c16")),
}
"""Whole files that are odd; what comes of each is an error of ours, or a source that can be read."""
