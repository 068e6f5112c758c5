"""The latent space of images under `free`: encoded, walked through, scored, sampled."""

import numpy as np
import pytest

import baler_vae
from baler_vae.explore import interpolate, latents, sample, score, traverse


def rings(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:17, :16]
    centres = rng.uniform(3, 13, (n_rows, 2, 1, 1))
    return np.exp(-((np.hypot(y - centres[:, 0], x - centres[:, 1]) - 3) ** 2)).astype(np.float32)


@pytest.fixture(scope="module")
def data():
    return {"image": rings(150), "n": np.arange(150)}


@pytest.fixture(scope="module")
def codec(data):
    convolution = {"channels": (4, 8), "hidden": ()}
    return baler_vae.fit(data, kind="conv-vae", bound="free", latent=3, epochs=3, convolution=convolution)


def test_latents_tell_of_images(codec, data):
    (found,) = latents(codec, data, clusters=2, tsne=False, colour="n").groups
    assert found.rows.means.shape == (150, 3)
    assert found.columns == ("image (mean)", "n")
    assert found.pearson.shape == (3, 2)
    cells = rings(150).reshape(150, -1)
    assert len(found.of_columns.explained) == np.count_nonzero(np.ptp(cells, axis=0))
    assert found.rates.points[0].rate > 0


def test_walks_decode_images(codec, data, tmp_path):
    walked = traverse(codec, data, steps=5, output=tmp_path / "walk.npz")
    assert [path.values["image"].shape for path in walked.paths] == [(5, 17, 16)] * 3
    assert walked.ranges().shape == (3, 1)
    assert np.load(tmp_path / "walk.npz")["image"].shape == (15, 17, 16)
    between = interpolate(codec, data, rows=(0, 1), steps=3, pairs=10)
    straight = between.paths[0]
    ends = codec.decode(codec.encode({name: values[:2] for name, values in data.items()}))
    np.testing.assert_allclose(straight.values["image"][[0, -1]], ends["image"], atol=0.2)  # which are rounded
    assert between.pairs[0].n_pairs == 10


def test_squared_errors_of_images_are_in_one_unit(codec, data, tmp_path):
    other = {"image": data["image"].copy(), "n": data["n"]}
    other["image"][3] = 1 - other["image"][3]
    other["image"][5, 2, 2] = np.nan
    found = score(codec, data, training=data, output=tmp_path / "a.npz")
    again = score(codec, other, training=data, output=tmp_path / "b.npz")
    assert found.summaries
    assert again.summaries
    a, b = np.load(tmp_path / "a.npz")["squared_error"], np.load(tmp_path / "b.npz")["squared_error"]
    assert b[3] > a[3]
    assert np.isnan(b[5])
    np.testing.assert_allclose(np.delete(b, [3, 5]), np.delete(a, [3, 5]))


def test_samples_are_images(codec, tmp_path):
    sample(codec, 7, tmp_path / "new.npz", seed=1)
    assert np.load(tmp_path / "new.npz")["image"].shape == (7, 17, 16)


def test_rows_of_another_shape_are_refused(codec):
    with pytest.raises(baler_vae.UsageError, match=r"float32\[17, 16\] in the codec.*float32\[17, 17\]"):
        latents(codec, {"image": np.zeros((20, 17, 17), np.float32), "n": np.arange(20)})
