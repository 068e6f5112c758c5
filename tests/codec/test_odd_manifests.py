"""Archives and codecs whose manifests say odd things of how they came about: they are read all the same."""

import json
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import baler_vae
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.cli.app import _show_info
from baler_vae.codec.codec import Codec
from baler_vae.codec.provenance import fits_of, settings_of
from baler_vae.errors import CorruptArchive

NAMES = (
    *("columns", "bound", "model", "skipped", "kind", "events", "candidate_bytes", "order_bytes", "fitted_bytes"),
    *("bits_per_row", "independent_bits_per_row", "model_bytes", "rows", "sample_rows", "sample_chunks"),
    *("formulas_saved_bytes", "rounded_whole_numbers", ""),
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**400), 2**63, 5e-324, 1e308])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=2), inner),
    max_leaves=8,
)
tables = st.dictionaries(st.sampled_from(NAMES), values, max_size=8)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A file, its archive, and the codec of both."""
    folder = tmp_path_factory.mktemp("made")
    np.savez(folder / "a.npz", x=np.random.default_rng(0).normal(size=80), i=np.arange(80))
    codec = baler_vae.fit(folder / "a.npz", kind="independent")
    codec.save(folder / "c.bvmodel")
    baler_vae.compress(folder / "a.npz", folder / "a.bvae", codec=codec)
    return folder


def saying(original, target, **fields):
    """Writes a copy of an archive or codec whose manifest says something else."""
    with ArchiveFile(original) as file, writing_archive(target, force=True) as writer:
        for name in file.manifest.sections:
            writer.add(name, file.section(name))
        writer.finish(file.manifest.model_copy(update=fields))
    return target


MODEL = {"kind": ["vae"]}
SKIPPED = {"skipped": ["x"], "columns": 7, "bound": {"a": 1}}
FIT = {"events": {"candidate_bytes": {"vae": 10**400}, "bits_per_row": 10**400, "rows": True, "kind": []}}


@settings(max_examples=25)
@given(tables, tables | st.dictionaries(st.just("events"), tables))
@example({"model": MODEL}, {})
@example({"model": []}, {"events": []})
@example(SKIPPED, FIT)
def test_odd_settings_and_fits_change_no_value(made, said, fits):
    place = made / "work"
    place.mkdir(exist_ok=True)
    archive = saying(made / "a.bvae", place / "odd.bvae", settings=said, fits=fits)
    with baler_vae.open(archive) as odd, baler_vae.open(made / "a.bvae") as right:
        np.testing.assert_array_equal(odd.arrays(library="np")["x"], right.arrays(library="np")["x"])
        info = odd.info()
    json.dumps(info.to_dict())
    _show_info(info, json=False, columns=True)
    _show_info(info, json=True)
    merged = baler_vae.merge([archive, archive], place / "merged.bvae", force=True)
    assert merged.n_rows == {"events": 160}
    assert merged.path == str(place / "merged.bvae")
    codec = saying(made / "c.bvmodel", place / "odd.bvmodel", settings=said, fits=fits)
    written = baler_vae.compress(made / "a.npz", place / "again.bvae", codec=codec, force=True)
    assert written.n_rows == {"events": 80}
    Codec.load(codec).save(place / "same.bvmodel", force=True)
    assert sorted(path.name for path in place.iterdir() if ".part" in path.name) == []


def test_what_a_writer_says_is_kept_as_it_is(made):
    for name in ("a.bvae", "c.bvmodel"):
        with ArchiveFile(made / name) as file:
            assert settings_of(file.manifest) == file.manifest.settings
            assert fits_of(file.manifest) == file.manifest.fits


def test_an_archive_that_cannot_be_read_back_never_takes_its_place(made, tmp_path):
    """Sizes that add up to more than a reader takes."""
    with ArchiveFile(made / "a.bvae") as file:
        groups = tuple(
            group.model_copy(
                update={
                    "columns": tuple(
                        column.model_copy(update={"original_bytes": (1 << 63) - 1}) for column in group.columns
                    )
                }
            )
            for group in file.manifest.groups
        )
    large = saying(made / "a.bvae", tmp_path / "large.bvae", groups=groups)
    taken = tmp_path / "taken.bvae"
    taken.write_text("mine")
    for call in (partial(baler_vae.merge, [large, large]), partial(baler_vae.merge, [large, made / "a.bvae"])):
        with pytest.raises(CorruptArchive, match="original_bytes"):
            call(taken, force=True)
        assert taken.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large.bvae", "taken.bvae"]
