"""Arrays under `free`: what dense and convolutional autoencoders make of them, and what they refuse."""

import numpy as np
import pytest

import baler_vae
from baler_vae.codec.codec import Codec
from baler_vae.errors import SourceError, UsageError
from baler_vae.fitting.columns import sees_latents
from baler_vae.model.network import Dense

FAST = {"epochs": 2, "bound": "free"}
SMALL = {"channels": (4, 8), "hidden": (16,)}


def blobs(n_rows, *shape, seed=0, dtype=np.float32):
    """One blob at a random place in each row."""
    rng = np.random.default_rng(seed)
    places = np.indices(shape).reshape(len(shape), -1)
    centres = rng.uniform(0, shape, (n_rows, len(shape)))
    squares = ((places - centres[:, :, np.newaxis]) ** 2).sum(axis=1)
    return np.exp(-squares / 8).reshape(n_rows, *shape).astype(dtype)


def restored(codec, data):
    return codec.decode(codec.encode(data))


@pytest.mark.parametrize("kind", ["vae", "ae", "conv-vae", "conv-ae", "auto"])
def test_arrays_under_free_come_back_with_their_shapes(kind):
    data = {"image": blobs(80, 18, 17), "other": blobs(80, 18, 17, seed=1, dtype=np.float64), "n": np.arange(80)}
    codec = baler_vae.fit(data, kind=kind, latent=4, **FAST)
    found = restored(codec, data)
    assert {name: (values.shape, values.dtype) for name, values in found.items()} == {
        name: (values.shape, values.dtype) for name, values in data.items()
    }
    np.testing.assert_array_equal(found["n"], data["n"])
    network = codec.models["events"].decoder.network
    assert all(isinstance(layer, Dense) for layer in network) == (not kind.startswith("conv"))
    assert restored(Codec.from_bytes(codec.to_bytes()), data)["image"].tobytes() == found["image"].tobytes()
    again = baler_vae.fit(data, kind=kind, latent=4, **FAST)
    assert again.to_bytes() == codec.to_bytes()


def test_dense_layers_are_the_ancestors():
    codec = baler_vae.fit({"m": blobs(40, 18, 17), "x": np.arange(40.0)}, kind="vae", latent=6, **FAST)
    shapes = [layer.weights.shape for layer in codec.models["events"].encoder.network]
    assert shapes == [(200, 307), (100, 200), (50, 100), (12, 50)]


@pytest.mark.parametrize("shape", [(1, 300), (20, 16), (7, 8, 6), (1, 20, 16), (17, 1, 17, 1)])
@pytest.mark.parametrize("kind", ["conv-vae", "conv-ae"])
def test_images_of_one_to_three_axes(shape, kind):
    data = {"image": blobs(30, *shape), "n": np.arange(30)}
    codec = baler_vae.fit(data, kind=kind, latent=3, convolution=SMALL, **FAST)
    assert restored(codec, data)["image"].shape == (30, *shape)


@pytest.mark.parametrize(
    "layers",
    [
        {"kernel": 5, "stride": (1, 2), "channels": (3, 4)},
        {"kernel": 4, "normalisation": "layer", "channels": (4, 8), "hidden": ()},
        {"kernel": 2, "normalisation": "group", "residual_blocks": 2, "channels": (16,), "stride": 3},
        {"kernel": 1, "channels": (2,), "stride": 1},
    ],
)
def test_all_layers_are_those_of_torch(layers):
    """What is stored gives what was trained."""
    import torch

    from baler_vae.learn.architectures import architecture_of
    from baler_vae.learn.networks.dense import export_network
    from baler_vae.model.network import apply_network, chained
    from baler_vae.settings.model import ModelSettings

    settings = ModelSettings(kind="conv-ae", latent=5, convolution=layers)
    shapes = ((9, 11),) * 2
    network = architecture_of(("a", "b"), shapes, settings, is_variational=False, is_convolutional=True)
    network = network.build(seed=1, device=torch.device("cpu"))
    scores = np.random.default_rng(0).normal(size=(20, 198)).astype(np.float32)
    with torch.no_grad():
        latents = network.encode(torch.from_numpy(scores)).mean
        decoded = network.decode(latents)
    encoder, decoder = chained(export_network(network.encoder)), chained(export_network(network.decoder))
    np.testing.assert_allclose(apply_network(encoder, scores), latents, atol=2e-3)
    np.testing.assert_allclose(apply_network(decoder, latents.numpy()), decoded, atol=2e-3)


OBJECTIVES = {
    "conv-vae": [
        {"kl": {"beta": 1e-3, "schedule": "linear"}},
        {"reconstruction": "gaussian", "kl": {"free_bits": 0.1}},
        {"reconstruction": "cross_entropy", "mmd": {"weight": 1.0}, "moments": {"weight": 0.1}},
        {"posterior": {"kind": "joint", "categories": [3]}, "kl": {"capacity": 2.0}},
    ],
    "conv-ae": [
        {"reconstruction": "absolute_error", "posterior": {"kind": "noisy", "snr": 20}, "l2_weights": {"weight": 1e-6}}
    ],
}


@pytest.mark.parametrize(("kind", "objective"), [(kind, one) for kind, many in OBJECTIVES.items() for one in many])
def test_objectives_of_tables_are_those_of_images(kind, objective):
    data = {"image": blobs(60, 18, 17), "n": np.arange(60)}
    codec = baler_vae.fit(data, kind=kind, latent=3, objective=objective, convolution=SMALL, **FAST)
    image = restored(codec, data)["image"]
    assert np.isfinite(image).all()
    if objective.get("reconstruction") == "cross_entropy":
        assert (image.min() >= data["image"].min(), image.max() <= data["image"].max()) == (True, True)
    if objective.get("reconstruction") == "gaussian":
        assert codec.fits["events"]["observation_variances"].keys() == {"image"}
    assert codec.models["events"].n_latents == 3 + sum(objective.get("posterior", {}).get("categories", ()))


def test_weights_and_transforms_are_those_of_whole_columns():
    data = {"a": blobs(40, 17, 17), "b": blobs(40, 17, 17, seed=2), "n": np.arange(40)}
    codec = baler_vae.fit(data, kind="conv-ae", weights={"a": 3.0}, transforms={"b": "min-max"}, **FAST)
    kinds = [transform.kind for transform in codec.models["events"].encoder.transforms]
    assert kinds == ["standard", "min-max"]


@pytest.mark.parametrize(
    ("data", "settings", "words"),
    [
        ({"m": blobs(9, 20, 15)}, {"convolution": {"kernel": 16}}, r"kernel of 16 .* image of 20 x 15"),
        ({"m": blobs(9, 3, 100)}, {"convolution": {"kernel": 4}}, r"kernel of 4 .* image of 3 x 100"),
        ({"m": blobs(9, 20, 15)}, {"convolution": {"channels": (2,) * 6}}, r"nothing is left .* convolution 6"),
        ({"m": blobs(9, 5, 5, 4, 4)}, {}, r"one to 3 axes .*shape \[5, 5, 4, 4\].*model vae"),
        ({"m": blobs(9, 20, 15), "x": np.arange(9.0)}, {}, r"x \(a number\).*x=bits:12"),
        ({"m": blobs(9, 20, 15), "k": blobs(9, 15, 20)}, {}, r"arrays of one shape.*k \(\[15, 20\]\)"),
        ({"x": np.arange(9.0)}, {}, r"x \(a number\).*model vae"),
        ({"m": blobs(9, 20, 15)}, {"convolution": {"channels": (4096,) * 2}}, r"4,096 to 4,096 channels has too many"),
        ({"m": np.zeros((9, 500, 500), "f4")}, {"convolution": {"stride": 1}}, r"would need .* numbers for a row"),
        ({"m": blobs(9, 20, 15)}, {"kind": "vae", "convolution": {}}, r"has no convolutions"),
        ({"m": blobs(9, 20, 15)}, {"convolution": {"stride": (2, 2, 2)}}, r"3 strides, 2 channels"),
        ({"m": blobs(9, 20, 15)}, {"kind": "independent"}, r"values come from an autoencoder"),
    ],
)
def test_what_convolutions_cannot_take_is_refused_with_the_way_out(data, settings, words):
    given = {"kind": "conv-vae", **FAST, **settings}
    with pytest.raises(UsageError, match=words):
        baler_vae.fit({**data, "n": np.arange(9)}, **given)


def test_large_arrays_are_refused_by_dense_networks():
    data = {"m": np.zeros((2, 300, 300), np.float32), "n": np.arange(2)}
    with pytest.raises(UsageError, match=r"90,000 cells.*at most 65,536.*bits:10"):
        baler_vae.fit(data, kind="vae", **FAST)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_cells_without_a_number_are_named(bad):
    data = {"image": blobs(20, 18, 17), "n": np.arange(20)}
    codec = baler_vae.fit(data, kind="conv-ae", convolution=SMALL, **FAST)
    data["image"][7, 3, 3] = bad
    data["image"][9, 0, 0] = bad
    for refuse in (lambda: baler_vae.fit(data, kind="conv-ae", **FAST), lambda: codec.encode(data)):
        with pytest.raises(SourceError, match=r"image.*first in row 7 of events: 2 values are NaN"):
            refuse()


def test_integers_under_free_say_how():
    data = {"image": np.zeros((20, 18, 17), np.int16), "n": np.arange(20)}
    with pytest.raises(UsageError, match=r"only float columns can be free.*float32"):
        baler_vae.fit(data, kind="conv-ae", bound="image=free")


@pytest.mark.parametrize("kind", ["conv-vae", "conv-ae", "vae"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_constant_images_come_back_as_they_are(kind, dtype):
    data = {"image": np.full((12, 18, 17), 0.75, dtype), "n": np.arange(12)}
    codec = baler_vae.fit(data, kind=kind, latent=2, **FAST)
    np.testing.assert_array_equal(restored(codec, data)["image"], data["image"])


@pytest.mark.parametrize("n_rows", [1, 2, 5])
@pytest.mark.parametrize("kind", ["conv-vae", "conv-ae"])
def test_few_rows(kind, n_rows):
    data = {"image": blobs(n_rows, 18, 17), "n": np.arange(n_rows)}
    codec = baler_vae.fit(data, kind=kind, latent=2, convolution=SMALL, **FAST)
    assert np.isfinite(restored(codec, data)["image"]).all()


def test_convolutions_learn_where_blobs_are():
    data = {"image": blobs(800, 17, 16), "n": np.arange(800)}
    settings = {"latent": 4, "epochs": 12, "batch_rows": 32, "bound": "free", "transform": "standard"}
    codec = baler_vae.fit(data, kind="conv-ae", convolution={"channels": (8, 16)}, **settings)
    image = data["image"].astype(np.float64)
    error = np.mean((restored(codec, data)["image"] - image) ** 2) / np.mean((image - image.mean(axis=0)) ** 2)
    assert error < 0.25


def test_networks_of_columns_that_keep_a_bound_see_latents_of_images():
    images = blobs(800, 17, 16)
    data = {"image": images.copy(), "x": images.sum(axis=2).argmax(axis=1).astype(np.float32)}
    data["image"][5, :3, 0] = np.nan, np.inf, -np.inf
    settings = {"latent": 2, "epochs": 3, "convolution": SMALL, "keep_network": True}
    codec = baler_vae.fit(data, kind="conv-ae", bound=["bits:8", "x=abs:0.4"], **settings)
    model = codec.models["events"]
    assert sees_latents(model)
    assert (model.encoder.columns, model.encoder.shapes) == (("image",), ((17, 16),))
    np.testing.assert_allclose(restored(codec, data)["x"], data["x"], atol=0.4)
    np.testing.assert_allclose(restored(codec, data)["image"], data["image"], rtol=2**-9)


def test_latents_as_they_are():
    data = {"image": blobs(40, 18, 17), "n": np.arange(40)}
    settings = {"latents": "float64", "keep_log_variance": True, "convolution": SMALL}
    codec = baler_vae.fit(data, kind="conv-vae", latent=2, **settings, **FAST)
    model = codec.models["events"]
    assert (model.steps, model.n_latent_parts) == ((), 4)
    assert restored(codec, data)["image"].shape == (40, 18, 17)
