"""Decoders of arrays, read by a reader that was written from FORMAT.md alone, and manifests that do not fit them."""

import numpy as np
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.errors import CorruptArchive

from .by_hand import read_zip
from .decoder_by_hand import values_of

LAYERS = {"channels": (2, 4), "hidden": (), "normalisation": "group", "residual_blocks": 1}


def images(folder, kind, **settings):
    """An archive of four rows of two images each."""
    rng = np.random.default_rng(0)
    data = {"a": rng.normal(size=(4, 19, 14)).astype(np.float32), "b": rng.normal(size=(4, 19, 14))}
    path = folder / "images.bvae"
    codec = baler_vae.fit({**data, "n": np.arange(4)}, kind=kind, bound="free", latent=2, epochs=1, **settings)
    baler_vae.compress({**data, "n": np.arange(4)}, path, codec=codec, force=True)
    return path


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("conv-vae", {"convolution": LAYERS}),
        ("conv-ae", {"convolution": {"channels": (3,), "kernel": 4, "stride": 3, "hidden": (3,)}}),
    ],
)
def test_convolutions_read_by_hand(tmp_path, kind, settings):
    path = images(tmp_path, kind, **settings)
    found = values_of(read_zip(path.read_bytes()))
    with baler_vae.open(path) as archive:
        expected = archive.arrays(library="np")
    for name in ("a", "b"):
        assert found[name].tobytes() == expected[name].tobytes()


def test_shapes_that_are_not_those_of_the_manifest_are_refused(tmp_path):
    path = images(tmp_path, "conv-ae", convolution=LAYERS)
    forged = tmp_path / "forged.bvae"
    with ArchiveFile(path) as file, writing_archive(forged) as writer:
        for name in file.manifest.sections:
            writer.add(name, file.section(name))
        (group,) = file.manifest.groups
        columns = tuple(
            column.model_copy(update={"shape": (14, 19)}) if column.name == "a" else column for column in group.columns
        )
        groups = (group.model_copy(update={"columns": columns}),)
        writer.finish(file.manifest.model_copy(update={"groups": groups}))
    with pytest.raises(CorruptArchive, match=r"column 'a' has shape \(19, 14\) in place of \(14, 19\)"):
        baler_vae.open(forged).arrays()
