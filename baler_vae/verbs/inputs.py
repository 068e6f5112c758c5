"""The files that an evaluation reads, with their digests."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from baler_vae.errors import SourceError
from baler_vae.evaluation.inputs import InputFile, Role
from baler_vae.io.files import split_spec


def input_files(original: Any, restored: Any, archive: Any) -> Iterator[InputFile]:  # noqa: ANN401  files or data
    """The original, what was restored, and the archive if it is another: names, sizes and SHA-256, which only local
    files and bytes have.

    Raises:
        SourceError: a file cannot be read.
    """
    given: list[tuple[Role, Any]] = [("original", original), ("restored", restored)]
    if archive is not None and archive is not restored:
        given.append(("archive", archive))
    for role, place in given:
        if isinstance(place, bytes):
            yield InputFile(role=role, name="bytes", n_bytes=len(place), sha256=hashlib.sha256(place).hexdigest())
        elif isinstance(place, str | Path):
            yield _file(role, str(place))
        else:
            yield InputFile(role=role, name="data in memory")


def _file(role: Role, spec: str) -> InputFile:
    path = Path(split_spec(spec)[0])
    try:
        if not path.is_file():
            return InputFile(role=role, name=spec)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return InputFile(role=role, name=spec, n_bytes=file.tell(), sha256=digest)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", path=path) from error
