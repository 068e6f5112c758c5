"""What giving values back must not load: it needs nothing of how a codec is fitted, nor any package for that."""

import subprocess
import sys
from pathlib import Path

import pytest

ARCHIVE = Path(__file__).parents[1] / "golden" / "autoregressive.bvae"
NOT_LOADED = (
    "fitting",
    "learn",
    "study",
    "evaluation",
    "report",
    "settings.model",
    "settings.project",
    "kinematics.find",
    "verbs.fit",
    "verbs.compress",
    "verbs.planning",
    "verbs.resuming",
    "verbs.request",
)
HEAVY = {"torch", "sklearn", "matplotlib", "iminuit", "dask", "uproot", "rich", "vector", "sympy"}


def test_giving_values_back_loads_nothing_of_a_fit(tmp_path):
    """In one process, since kernels are compiled in each."""
    code = f"""
import sys
from pathlib import Path
import baler_vae

archive, output = {str(ARCHIVE)!r}, Path({str(tmp_path)!r})
baler_vae.decompress(archive, output / "a.parquet")
baler_vae.decompress(archive, output / "a.npz", columns=["met*", "jet_*", "flag"])
with baler_vae.open(archive) as opened:
    opened.arrays()
loaded = [name for name in sys.modules if name.startswith({tuple(f"baler_vae.{name}" for name in NOT_LOADED)!r})]
loaded += {HEAVY!r} & set(sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"a.parquet", "a.npz"}


def test_opening_an_archive_compiles_nothing():
    """Names, types and sizes need no numba."""
    code = f"""
import sys
import baler_vae

with baler_vae.open({str(ARCHIVE)!r}) as opened:
    opened.info()
loaded = {{"numba", "llvmlite", "awkward", "pandas", "pyarrow"}} & set(sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("few", [None, 1 << 8], ids=["few", "many"])
@pytest.mark.parametrize("name", ["independent.bvae", "second/contexts.bvae"])
def test_columns_of_few_rows_are_read_without_anything_compiled(name, few):
    """Importing numba takes longer than all else together, but for many codes in many columns."""
    code = f"""
import sys
import baler_vae
from baler_vae.entropy import loading

loading.FEW_IN_CONTEXT = {few} or loading.FEW_IN_CONTEXT
with baler_vae.open({str(ARCHIVE.parent / name)!r}) as opened:
    opened.arrays(library="np")
assert ("numba" in sys.modules) is {few is not None and "contexts" in name}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
