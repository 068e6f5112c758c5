"""Archives that are not files on a disk."""

import io
import pickle

import awkward as ak
import pytest

import baler_vae
from baler_vae.errors import SourceError, UsageError


def test_bytes_and_file_objects(pair_of_paths, archive):
    path = pair_of_paths[1]
    data, expected = path.read_bytes(), ak.to_list(archive.arrays())
    with baler_vae.open(data) as own:
        assert ak.to_list(own.arrays()) == expected
        with pickle.loads(pickle.dumps(own)) as again:
            assert ak.to_list(again.arrays("met*2")) == ak.to_list(archive.arrays("met*2"))
    with path.open("rb") as file, baler_vae.open(file) as own:
        assert ak.to_list(own.arrays()) == expected
        with pytest.raises(UsageError, match="cannot be pickled"):
            pickle.dumps(own)
    with baler_vae.open([data, io.BytesIO(data), path]) as chain:
        assert chain.num_entries == 3 * archive.num_entries
        assert ak.to_list(chain.arrays("Jet_pt")) == 3 * ak.to_list(archive.arrays("Jet_pt"))
    assert len(baler_vae.concatenate([data, io.BytesIO(data)], "met", entry_start=-7)) == 7
    assert len(list(baler_vae.iterate([data, data], "met"))) == 2


def test_a_pickle_whose_archive_has_changed(pair_of_paths, tmp_path):
    moved = tmp_path / "a.bvae"
    moved.write_bytes(pair_of_paths[1].read_bytes())
    with baler_vae.open(moved) as own:
        pickled = pickle.dumps(own)
    baler_vae.compress(pair_of_paths[0], moved, kind="independent", bound="bits:4", force=True, verify=False)
    with pytest.raises(SourceError, match="another file has taken its place"):
        pickle.loads(pickled)
