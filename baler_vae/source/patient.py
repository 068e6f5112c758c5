"""A file for libraries that cannot cope with a full disk."""

import io
from typing import Any


class PatientFile(io.FileIO):
    """A file that never fails to be written, and says so when asked: on a disk that is full the HDF5 library crashes
    the process, at the latest when the file is closed.
    """

    failure: OSError | None = None

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.failure = self.failure or error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

    def check(self) -> None:
        """Raises the first failure, if there was one."""
        if self.failure is not None:
            raise self.failure
