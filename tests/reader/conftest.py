"""An archive of some ten row groups, and the ROOT file that it was made of."""

import pytest
import uproot

import baler_vae
from tests.tables import archive_of_short_row_groups

N_EVENTS = 200


@pytest.fixture(scope="session")
def pair_of_paths(tmp_path_factory):
    """A ROOT file, and an archive of it that keeps every value exactly."""
    return archive_of_short_row_groups(tmp_path_factory.mktemp("pair"), N_EVENTS, 40)


@pytest.fixture
def tree(pair_of_paths):
    with uproot.open(pair_of_paths[0]) as file:
        yield file[file.keys()[0]]


@pytest.fixture
def archive(pair_of_paths):
    with baler_vae.open(pair_of_paths[1]) as archive:
        assert len(archive.manifest.row_groups) > 5
        yield archive
