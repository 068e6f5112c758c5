"""Sections made of parts, and parts that can be checked one by one; see FORMAT.md."""

import struct
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

NEAR = 1 << 14
"""Parts with at most this many bytes between them are read together: another request would take longer."""


def pack_parts(parts: Sequence[bytes]) -> bytes:
    """One section made of several parts: their number (uint32), their sizes (uint64 each), then their bytes."""
    return struct.pack(f"<I{len(parts)}Q", len(parts), *map(len, parts)) + b"".join(parts)


def part_sizes(section: bytes) -> tuple[int, ...]:
    """The sizes in bytes of the parts of a section.

    Raises:
        ValueError: the bytes are not such a section.
    """
    return _sizes(section, len(section))


def unpack_parts(section: bytes) -> list[bytes]:
    """The parts that `pack_parts` was given.

    Raises:
        ValueError: the bytes are not such a section.
    """
    sizes = part_sizes(section)
    parts, start = [], 4 + 8 * len(sizes)
    for size in sizes:
        parts.append(section[start : start + size])
        start += size
    return parts


def pack_checked_parts(parts: Sequence[bytes]) -> bytes:
    """One section like that of `pack_parts`, with the CRC-32 (uint32) of every part as a first part before them."""
    return pack_parts([_checks(parts), *parts])


def unpack_checked_parts(section: bytes, n_parts: int) -> list[bytes]:
    """The `n_parts` parts that `pack_checked_parts` was given.

    Raises:
        ValueError: the bytes are not such a section, or the CRC-32 of a part does not match.
    """
    parts = unpack_parts(section)
    if len(parts) != n_parts + 1:
        raise ValueError(f"{len(parts)} parts instead of {n_parts + 1}")
    if parts[0] != _checks(parts[1:]):
        raise ValueError("the CRC-32 of a part does not match")
    return parts[1:]


@dataclass(frozen=True)
class Run:
    """Parts that are read at once: the bytes of their section from `start` to `stop`."""

    start: int
    stop: int
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class CheckedIndex:
    """Where the parts of `pack_checked_parts` lie in their section (`offsets`, one more than there are parts), and the
    CRC-32 of each.
    """

    offsets: tuple[int, ...]
    checks: tuple[int, ...]

    @staticmethod
    def n_bytes(n_parts: int) -> int:
        """How many bytes at the start of a section tell the index of so many parts."""
        return 4 + 8 * (n_parts + 1) + 4 * n_parts

    @classmethod
    def read(cls, start: bytes, n_bytes: int, n_parts: int) -> "CheckedIndex":
        """The index that stands at the start of a section of `n_bytes` bytes and `n_parts` parts.

        Raises:
            ValueError: it is not such an index.
        """
        sizes = _sizes(start, n_bytes)
        if len(sizes) != n_parts + 1 or sizes[0] != 4 * n_parts:
            raise ValueError(f"{len(sizes)} parts instead of {n_parts + 1}, or not a CRC-32 for each")
        checks = struct.unpack_from(f"<{n_parts}I", start, 4 + 8 * len(sizes))
        return cls(tuple(accumulate(sizes[1:], initial=cls.n_bytes(n_parts))), checks)

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(stop - start for start, stop in zip(self.offsets, self.offsets[1:], strict=False))

    def runs(self, numbers: Collection[int]) -> Iterator[Run]:
        """The parts of these numbers, those that lie near each other together."""
        near: list[int] = []
        for number in sorted(numbers):
            if near and self.offsets[number] - self.offsets[near[-1] + 1] > NEAR:
                yield self._run(near)
                near = []
            near.append(number)
        if near:
            yield self._run(near)

    def parts_in(self, run: Run, data: bytes) -> dict[int, bytes]:
        """The parts of a run, by number, from its bytes.

        Raises:
            ValueError: the CRC-32 of a part does not match.
        """
        found = {}
        for number in run.numbers:
            found[number] = data[self.offsets[number] - run.start : self.offsets[number + 1] - run.start]
            if zlib.crc32(found[number]) != self.checks[number]:
                raise ValueError(f"the CRC-32 of part {number + 1} does not match")
        return found

    def _run(self, numbers: Sequence[int]) -> Run:
        return Run(self.offsets[numbers[0]], self.offsets[numbers[-1] + 1], tuple(numbers))


def _checks(parts: Sequence[bytes]) -> bytes:
    return struct.pack(f"<{len(parts)}I", *map(zlib.crc32, parts))


def _sizes(start: bytes, n_bytes: int) -> tuple[int, ...]:
    """The sizes of the parts of a section of `n_bytes` bytes, from the bytes at its start."""
    try:
        (n_parts,) = struct.unpack_from("<I", start)
        if 8 * n_parts > len(start):
            raise ValueError(f"an index of {n_parts} parts in {len(start)} bytes")
        sizes = struct.unpack_from(f"<{n_parts}Q", start, 4)
    except struct.error as error:
        raise ValueError(f"the index of parts is damaged: {error}") from error
    if 4 + 8 * n_parts + sum(sizes) != n_bytes:
        raise ValueError(f"the parts do not fill the section of {n_bytes} bytes")
    return sizes
