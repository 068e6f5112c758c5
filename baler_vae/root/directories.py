"""Directories in files that uproot holds open."""

import uproot

_KEY_BYTES = 64
"""What the key of a tree takes in the list of a directory, and the list before it, without name and title."""


def directory_of(file: uproot.WritableDirectory, path: str, title: str) -> tuple[uproot.WritableDirectory, str]:
    """What stands before the last `/` of a path as a directory of a file, which is made, with room for what gets that
    name and title; the file itself where nothing does; and the name behind it. More than that is found room for as it
    comes.
    """
    folder, _, name = path.rpartition("/")
    room = _KEY_BYTES + len(f"{name}{title}".encode(errors="surrogateescape"))
    return (file.mkdir(folder, initial_directory_bytes=room) if folder.strip("/") else file), name
