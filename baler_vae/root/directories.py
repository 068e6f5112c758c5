"""Directories in files that uproot holds open."""

import uproot


def directory_of(file: uproot.WritableDirectory, path: str) -> tuple[uproot.WritableDirectory, str]:
    """What stands before the last `/` of a path as a directory of a file, which is made; the file itself where nothing
    does; and the name behind it.
    """
    folder, _, name = path.rpartition("/")
    return (file.mkdir(folder) if folder.strip("/") else file), name
