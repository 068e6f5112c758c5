"""Damaged and forged tables in a collection whose own digests are right."""

import random

import pytest

import baler_vae
from baler_vae.archive.collection_manifest import CollectionManifest, TableEntry, table_section
from baler_vae.archive.container import ArchiveFile, ArchiveWriter, writing_archive
from baler_vae.errors import ArchiveError, UsageError

from .fuzz import changed_bytes, changed_value

TABLES = ("independent", "jagged")
N_FORGED = 80


def entry(name, path):
    with ArchiveFile(path) as archive:
        n_events = sum(rows[0] for rows in archive.manifest.row_groups)
        return TableEntry(name=name, title="", format=archive.manifest.origin.format, n_events=n_events)


class Lies(CollectionManifest):
    """A manifest that says whatever it is told to."""

    def to_document(self):
        return {**self.settings, "sections": super().to_document()["sections"]}


def write(path, tables, manifest):
    writer = ArchiveWriter(path)
    for number, table in enumerate(tables):
        writer.add_file(table_section(number), table)
    writer.finish(manifest)


def forge(original, target, rng):
    """Writes an archive with changed bytes, or with changed bytes in a section under the right digest."""
    if rng.random() < 0.3:
        target.write_bytes(changed_bytes(original.read_bytes(), rng))
        return
    with ArchiveFile(original) as archive:
        sections = {name: archive.section(name) for name in archive.manifest.sections}
        manifest = archive.manifest
    name = rng.choice(sorted(sections))
    sections[name] = changed_bytes(sections[name], rng)
    with writing_archive(target, force=True) as writer:
        for own, data in sections.items():
            writer.add(own, data)
        writer.finish(manifest)


def is_refused(path):
    """Whether reading all of a collection ends in one of our errors, told in one line; any other is one of the test."""
    try:
        read(path)
    except (ArchiveError, UsageError) as error:
        text = str(error)
    else:
        return False
    assert "\n" not in text
    return True


def read(path):
    """Reads all that a collection holds, table by table."""
    with baler_vae.open(path) as collection:
        repr(collection)
        collection.check_sections()
        collection.info()
        for archive in collection.values():
            archive.extras()
            for _ in archive.batches(archive.schema):
                pass


@pytest.fixture(scope="module")
def whole(small_archives):
    paths = [small_archives[name] for name in TABLES]
    return paths, CollectionManifest(writer="", tables=tuple(map(entry, TABLES, paths)))


def test_forged_tables_give_our_errors_only(whole, tmp_path):
    paths, manifest = whole
    write(tmp_path / "all.bvae", paths, manifest)
    read(tmp_path / "all.bvae")
    refused = 0
    for seed in range(N_FORGED):
        rng = random.Random(seed)
        place = rng.randrange(len(paths))
        forge(paths[place], tmp_path / "forged.bvae", rng)
        write(tmp_path / "all.bvae", [*paths[:place], tmp_path / "forged.bvae", *paths[place + 1 :]], manifest)
        refused += is_refused(tmp_path / "all.bvae")
    assert refused > N_FORGED // 2


def test_manifests_that_lie_give_our_errors_only(whole, tmp_path):
    paths, manifest = whole
    document, refused = manifest.to_document(), 0
    for seed in range(N_FORGED):
        content = changed_value(document, random.Random(seed))
        told = content if isinstance(content, dict) else {}
        write(tmp_path / "all.bvae", paths, Lies(writer="", tables=manifest.tables, settings=told))
        refused += is_refused(tmp_path / "all.bvae")
    assert refused > N_FORGED // 2
