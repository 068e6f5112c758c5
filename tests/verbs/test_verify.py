"""Archives against their originals, value by value."""

import numpy as np
import pytest

import baler_vae
from baler_vae.codec import filling
from baler_vae.errors import BoundBroken, CorruptArchive, UnsupportedVersion, UsageError
from baler_vae.verbs.verify import check_broken
from tests.tables import flat_batch

VALUES = np.random.default_rng(0).normal(size=70_000).astype(np.float32)
COLUMNS = {"x": VALUES, "n": np.arange(70_000), "w": np.array(["a", None] * 35_000, object)}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """An archive of two row groups, and its original."""
    from baler_vae.io.files import write_file

    folder = tmp_path_factory.mktemp("verify")
    schema, batch = flat_batch(COLUMNS)
    write_file(folder / "in.parquet", schema, [batch])
    baler_vae.compress(folder / "in.parquet", folder / "a.bvae", bound="abs:0.01", kind="independent")
    return folder / "a.bvae", folder / "in.parquet"


def test_what_was_written_is_intact(archive):
    path, original = archive
    alone = baler_vae.verify(path)
    assert alone.columns == ()
    assert alone.n_rows == {"events": 70_000}
    assert alone.n_bytes == path.stat().st_size
    assert alone.n_sections == 3
    done = baler_vae.verify(path, against=original)
    assert done.broken == ()
    x, n, w = done.columns
    assert (x.bound, n.bound, w.bound) == ("abs:0.01", "exact", "exact")
    assert 0.99 < x.worst <= 1
    assert x.n_values == 70_000
    with baler_vae.open(path) as opened:
        restored = opened.arrays("x", library="np")["x"]
    errors = np.abs(restored.astype(float) - VALUES) / 0.01
    assert x.worst == pytest.approx(errors.max(), abs=1e-9)
    assert errors[x.worst_row] == errors.max()
    assert float(x.original) == VALUES[x.worst_row]
    assert float(x.restored) == restored[x.worst_row]
    assert (n.worst, n.worst_row, w.worst) == (0.0, None, 0.0)


@pytest.mark.parametrize(
    ("name", "row", "value"), [("x", 66_000, 0.02), ("x", 7, np.nan), ("n", 69_999, 5), ("w", 3, "b")]
)
def test_another_value_is_found(archive, write, name, row, value):
    path, _ = archive
    columns = {key: array.copy() for key, array in COLUMNS.items()}
    columns[name][row] = columns[name][row] + value if value == 0.02 else value
    other = write(*flat_batch(columns), "other.parquet")
    done = baler_vae.verify(path, against=other)
    (broken,) = done.broken
    assert (broken.name, broken.worst_row, broken.n_broken) == (name, row, 1)
    assert broken.worst > 1
    with pytest.raises(BoundBroken, match=rf"column '{name}', the worst in row {row} of events: 1 of 70,000 values"):
        check_broken(done.columns, str(path))


def test_other_files_are_refused(archive, write):
    path, _ = archive
    fewer = write(*flat_batch({name: array[:-1] for name, array in COLUMNS.items()}), "fewer.parquet")
    more = write(*flat_batch({name: np.append(array, array[:1]) for name, array in COLUMNS.items()}), "more.parquet")
    for other in (fewer, more):
        with pytest.raises(UsageError, match="not the file that was compressed"):
            baler_vae.verify(path, against=other)
    without = write(*flat_batch({"x": VALUES, "nn": COLUMNS["n"]}), "without.parquet")
    with pytest.raises(UsageError, match=r"column 'n'.*'nn'.*Name the file that was compressed"):
        baler_vae.verify(path, against=without)
    wider = write(*flat_batch({**COLUMNS, "x": VALUES.astype(float)}), "wider.parquet")
    with pytest.raises(UsageError, match=r"different dtype.*found float64, expected float32"):
        baler_vae.verify(path, against=wider)


def test_free_columns_promise_nothing(jets, tmp_path, quick):
    baler_vae.compress(jets, tmp_path / "a.bvae", bound="free", settings=quick)
    done = baler_vae.verify(tmp_path / "a.bvae", against=jets)
    assert done.broken == ()
    assert {column.bound for column in done.columns} == {"free", "exact"}


def test_an_archive_that_would_break_a_bound_never_appears(archive, tmp_path, monkeypatch):
    """The decoder is made to fail, as a broken machine would."""
    _, original = archive
    before = filling.dequantise_column

    def broken(*given):
        values = before(*given)
        return values + np.float32(0.1) if values.dtype.kind == "f" else values

    monkeypatch.setattr(filling, "dequantise_column", broken)
    with pytest.raises(BoundBroken, match=r"column 'x'.*70,000 of 70,000 values miss the bound abs:0.01"):
        baler_vae.compress(original, tmp_path / "a.bvae", bound="abs:0.01", kind="independent")
    assert list(tmp_path.iterdir()) == []
    baler_vae.compress(original, tmp_path / "a.bvae", bound="abs:0.01", kind="independent", verify=False)
    monkeypatch.undo()
    assert baler_vae.verify(tmp_path / "a.bvae", against=original).broken == ()


def forged(archive, tmp_path, change):
    from baler_vae.archive.container import ArchiveFile, writing_archive

    with ArchiveFile(archive) as file:
        manifest = file.manifest
        with writing_archive(tmp_path / "forged.bvae") as writer:
            for name in manifest.sections:
                writer.add(name, file.section(name))
            writer.finish(change(manifest))
    return tmp_path / "forged.bvae"


def with_column(manifest, **fields):
    group = manifest.groups[0]
    column = group.columns[0].model_copy(update=fields)
    group = group.model_copy(update={"columns": (column, *group.columns[1:])})
    return manifest.model_copy(update={"groups": (group,)})


@pytest.mark.parametrize("what", ["coding", "grid"])
def test_what_a_later_release_may_write_is_not_guessed(archive, tmp_path, what):
    def change(manifest):
        grid = manifest.groups[0].columns[0].grid.model_copy(update={"kind": "hexagons"})
        return with_column(manifest, **({"coding": "table-2"} if what == "coding" else {"grid": grid}))

    path = forged(archive[0], tmp_path, change)
    with pytest.raises(UnsupportedVersion, match=r"'(table-2|hexagons)'.*written by 'baler-vae .*use that version"):
        baler_vae.open(path)


@pytest.mark.parametrize(
    "fields",
    [
        {"coding": "text-1", "grid": None},
        {"grid": None},
        {"coding": None, "grid": None},
        {"predicted": True},
        {"bound": "tight"},
        {"dtype": "float16"},
    ],
)
def test_manifests_that_do_not_hang_together(archive, tmp_path, fields):
    path = forged(archive[0], tmp_path, lambda manifest: with_column(manifest, **fields))
    with pytest.raises((CorruptArchive, UsageError)):
        baler_vae.verify(path, against=archive[1])


@pytest.mark.parametrize("rows", [((2**40,),), ((65_536,), (4_465,)), ((65_536,),), ((65_536, 1), (4_464, 1)), ()])
def test_row_groups_that_cannot_be(archive, tmp_path, rows):
    path = forged(archive[0], tmp_path, lambda manifest: manifest.model_copy(update={"row_groups": rows}))
    with pytest.raises((CorruptArchive, UsageError)):
        baler_vae.verify(path, against=archive[1])
