"""No cut and no changed byte goes unnoticed, to the last decoded value."""

import resource
import subprocess
import sys
import textwrap

import pytest

import baler_vae
from baler_vae.errors import ArchiveError

from .conftest import SMALL


def decode(path):
    with baler_vae.open(path) as archive:
        archive.check_sections()
        return archive.arrays(library="np")


@pytest.mark.parametrize("kind", SMALL)
def test_the_small_archives_are_small_and_whole(small_archives, kind):
    assert small_archives[kind].stat().st_size < 4_096
    assert baler_vae.verify(small_archives[kind], against=small_archives[kind].parent / "small.npz").broken == ()
    with baler_vae.open(small_archives[kind]) as archive:
        info = archive.info()
    assert info["model_kind"] == kind
    assert any(column["predicted"] for column in info["columns"]) == (kind == "vae")


@pytest.mark.parametrize("kind", SMALL)
def test_an_archive_cut_anywhere_is_refused(small_archives, tmp_path, kind):
    data = small_archives[kind].read_bytes()
    cut = tmp_path / "cut.bvae"
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        with pytest.raises(ArchiveError) as caught:
            decode(cut)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mask", [0x01, 0xFF])
@pytest.mark.parametrize("kind", SMALL)
def test_an_archive_with_any_byte_changed_is_refused(small_archives, tmp_path, kind, mask):
    data = bytearray(small_archives[kind].read_bytes())
    changed = tmp_path / "changed.bvae"
    for place in range(len(data)):
        data[place] ^= mask
        changed.write_bytes(data)
        with pytest.raises(ArchiveError) as caught:
            decode(changed)
        assert str(changed) in str(caught.value)
        assert "\n" not in str(caught.value)
        data[place] ^= mask


def test_many_rows_in_few_bytes_take_little_memory(small_archives, tmp_path):
    """A manifest that claims 2^24 rows, with right digests, is refused before its columns are built."""
    script = f"""
    import resource, sys
    sys.path.insert(0, {str(__file__).rpartition("/")[0]!r})
    import json
    from fuzz import _Unchecked
    import baler_vae
    from baler_vae.archive.container import ArchiveFile, writing_archive
    from baler_vae.errors import ArchiveError
    with ArchiveFile({str(small_archives["vae"])!r}) as archive:
        sections = {{name: archive.section(name) for name in archive.manifest.sections}}
        content = archive.manifest.model_dump(mode="json", exclude={{"sections"}})
    for n_rows in (2**24, 2**31, 2**63):
        content["row_groups"] = [[n_rows]]
        with writing_archive({str(tmp_path / "large.bvae")!r}, force=True) as writer:
            for name, data in sections.items():
                writer.add(name, data)
            writer.finish(_Unchecked(content))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            with baler_vae.open({str(tmp_path / "large.bvae")!r}) as archive:
                archive.arrays(library="np")
        except ArchiveError as error:
            assert chr(10) not in str(error)
        else:
            raise SystemExit("read")
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 1 << 20, grown  # kB
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert resource.RLIM_INFINITY  # the module that measures exists here
