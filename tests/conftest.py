"""What all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples at every run, and no verdict on the speed of a busy machine.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data: `BALER_VAE_DATA`, or `shared/data` beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BALER_VAE_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder} (BALER_VAE_DATA)")
    return folder
