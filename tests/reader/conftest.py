"""An archive of some ten row groups, and the ROOT file that it was made of."""

from functools import partial

import pytest
import uproot

import baler_vae
from baler_vae.io.files import write_file
from baler_vae.table import table as table_module
from tests.tables import jagged_batch

N_EVENTS = 200


@pytest.fixture(scope="session")
def pair_of_paths(tmp_path_factory):
    """A ROOT file, and an archive of it that keeps every value exactly."""
    folder = tmp_path_factory.mktemp("pair")
    schema, batch = jagged_batch(N_EVENTS)
    write_file(folder / "in.root", schema, [batch])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baler_vae.codec.encoding.row_groups", partial(table_module.row_groups, limit=40))
        baler_vae.compress(folder / "in.root", folder / "a.bvae", kind="independent", bound="exact", verify=False)
    return folder / "in.root", folder / "a.bvae"


@pytest.fixture
def tree(pair_of_paths):
    with uproot.open(pair_of_paths[0]) as file:
        yield file[file.keys()[0]]


@pytest.fixture
def archive(pair_of_paths):
    with baler_vae.open(pair_of_paths[1]) as archive:
        assert len(archive.manifest.row_groups) > 5
        yield archive
