"""What the laboratory opens: codecs, archives, rows of any source."""

import numpy as np
import pandas as pd
import pytest

import baler_vae
from baler_vae.errors import UsageError
from baler_vae.explore.opening import all_rows, check_encoder, opened_codec, opened_rows, with_nan_for_missing
from tests.tables import flat_batch


@pytest.fixture
def fitted(write, tmp_path, quick):
    rng = np.random.default_rng(3)
    arrays = {"x": rng.normal(size=300).astype(np.float32), "y": rng.normal(size=300).astype(np.float32)}
    source = write(*flat_batch(arrays))
    codec = baler_vae.fit(source, bound="free", settings=quick)
    codec.save(tmp_path / "c.bvmodel")
    baler_vae.compress(source, tmp_path / "a.bvae", codec=codec)
    return source, codec, tmp_path


def test_a_codec_comes_from_each_file_that_holds_one(fitted):
    _, codec, folder = fitted
    assert opened_codec(codec) is codec
    assert opened_codec(folder / "c.bvmodel") == codec
    assert opened_codec(str(folder / "a.bvae")).identity == codec.identity


def test_rows_come_from_files_archives_and_memory(fitted):
    source, _, folder = fitted
    with opened_rows(source) as opened:
        before = all_rows(opened, opened.schema)
    frame = {name: before[0][name] for name in ("x", "y")}
    for given in (str(source), frame, folder / "a.bvae"):
        with opened_rows(given) as opened:
            batch = all_rows(opened, opened.schema)
        assert batch[0].n_rows == 300
        if given is frame or given == str(source):
            np.testing.assert_array_equal(batch[0]["x"], before[0]["x"])
    with pytest.raises(UsageError), opened_rows(3):
        pass


def test_missing_encoders_are_told_apart(fitted):
    source, codec, folder = fitted
    check_encoder(codec, "events", codec)
    with pytest.raises(UsageError, match="an archive holds none"):
        check_encoder(opened_codec(folder / "a.bvae"), "events", folder / "a.bvae")
    plain = baler_vae.fit(source, bound="bits:8", model="independent")
    with pytest.raises(UsageError, match=r"has no latents.*--model vae"):
        check_encoder(plain, "events", plain)


def test_what_is_missing_is_no_number():
    frame = pd.DataFrame({"k": pd.array([3, None, 5], "Int64"), "i": [1, 2, 3]})
    with opened_rows(frame) as opened:
        (table,) = with_nan_for_missing(all_rows(opened, opened.schema), opened.schema)
    assert table.group.names == ("k", "i")
    np.testing.assert_array_equal(table["k"], [3, np.nan, 5])
    assert table["i"].dtype == np.int64
