"""Where compiled loops are kept, and what compiling them does not touch."""

import subprocess
import sys
from functools import partial
from textwrap import dedent

import numba
import pytest

from baler_vae.entropy import compiled as module
from baler_vae.entropy.compiled import compiled

SIGNATURE = numba.int64(numba.int64)


def double(number):
    return 2 * number


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """Neither the package nor the user's cache can be written; temporary files can."""
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [numba.core.caching.UserProvidedCacheLocator])
    monkeypatch.setattr(module.tempfile, "gettempdir", partial(str, tmp_path))
    return tmp_path


def test_where_nothing_else_can_be_written_it_is_kept_among_temporary_files(nowhere):
    asked = numba.config.CACHE_DIR
    assert compiled(SIGNATURE)(double)(4) == 8
    (folder,) = nowhere.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.rglob("*.nbc"))
    hits = compiled(SIGNATURE)(double).stats.cache_hits
    assert list(hits.values()) == [1]
    assert asked == numba.config.CACHE_DIR


@pytest.mark.parametrize("make", [lambda path: path.mkdir(mode=0o755), lambda path: path.symlink_to(path.parent)])
def test_a_folder_that_others_could_fill_is_not_used(nowhere, make):
    """What lies there is run."""
    made = nowhere / f"baler-vae-{module.os.getuid()}"
    make(made)
    assert compiled(SIGNATURE)(double)(4) == 8
    assert list(nowhere.rglob("*")) == [made]


def test_a_damaged_cache_is_left_alone(nowhere):
    compiled(SIGNATURE)(double)
    for path in nowhere.rglob("*.nb?"):
        path.write_bytes(path.read_bytes()[:9])
    assert compiled(SIGNATURE)(double)(4) == 8


def test_a_full_disk_is_no_obstacle(nowhere, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(numba.core.caching.IndexDataCacheFile, "save", full)
    assert compiled(SIGNATURE)(double)(4) == 8


def test_an_error_of_the_function_is_raised():
    with pytest.raises(numba.core.errors.TypingError):
        compiled(SIGNATURE)(lambda number: number.nothing)


def test_functions_of_a_user_still_know_the_types_of_other_packages():
    code = """
import sys
import baler_vae.entropy.kernels

assert not {"vector", "sympy", "awkward"} & set(sys.modules)
import awkward
import numba

@numba.njit
def total(array):
    found = 0.0
    for one in array:
        found += one.x
    return found

assert total(awkward.Array([{"x": 1.5}, {"x": 2.0}])) == 3.5
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


TOGETHER = """
    import threading
    import numba
    from numba.core.compiler_lock import global_compiler_lock
    from baler_vae.entropy.compiled import compiled

    def double(number):
        return 2 * number

    other = threading.Thread(target=numba.njit, args=(double,))
    with global_compiler_lock:
        other.start()
        other.join(1)
        print(compiled(numba.int64(numba.int64))(double)(4))
    other.join()
"""


def test_threads_that_compile_for_the_first_time_do_not_wait_for_each_other():
    """One holds the lock of the compiler, as every `compiled` does, while another makes a function of its own."""
    done = subprocess.run(
        [sys.executable, "-c", dedent(TOGETHER)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "8\n", done.stderr
