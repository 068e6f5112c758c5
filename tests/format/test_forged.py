"""Nested columns that hold what nobody writes, under the right digests."""

from . import forged
from .test_damage import GOLDEN, in_a_fresh_process


def test_forged_arrow_streams_are_corrupt_and_take_little_memory(tmp_path):
    """Under the right CRC-32 of the part and the right SHA-256 of the section: only the stream can be found wrong."""
    original = GOLDEN / "nested.bvae"
    forged.write(original, forged.stream, tmp_path / "same.bvae")
    for name, forge in forged.FORGED.items():
        forged.write(original, forge, tmp_path / f"forged {name}.bvae")
        assert (tmp_path / f"forged {name}.bvae").stat().st_size < 200_000, name
    script = """
    read(FOLDER / "same.bvae")
    before = peak()
    for path in sorted(FOLDER.glob("forged *")):
        try:
            read(path)
        except CorruptArchive as error:
            assert "groups/0/0" in str(error) and chr(10) not in str(error), error
        else:
            raise SystemExit(f"{path} was read")
        assert peak() - before < 50, (path, peak() - before)
    """
    in_a_fresh_process(tmp_path, script)


def test_types_that_differ_between_row_groups_are_corrupt(tmp_path):
    """Whichever of two row groups comes first, and whether they are read by themselves or joined."""
    script = f"""
    from forged import stream, write
    import pyarrow as pa
    paths = [Path({str(GOLDEN / "nested.bvae")!r}), FOLDER / "other.bvae"]
    write(paths[0], lambda values: stream(pa.array(range(len(values)))), paths[1])
    read(paths[1])
    for pair in (paths, paths[::-1]):
        with writing_archive(FOLDER / "both.bvae", force=True) as writer:
            for number, path in enumerate(pair):
                with ArchiveFile(path) as archive:
                    manifest = archive.manifest
                    for name in manifest.sections:
                        if name.startswith("groups"):
                            writer.add(f"{{name[:-1]}}{{number}}", archive.section(name))
                        elif not number:
                            writer.add(name, archive.section(name))
            writer.finish(manifest.model_copy(update={{"row_groups": manifest.row_groups * 2}}))
        assert "elsewhere" in refused(FOLDER / "both.bvae")
    """
    in_a_fresh_process(tmp_path, script)
