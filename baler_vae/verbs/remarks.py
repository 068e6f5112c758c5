"""What a user is told of a source and its archive, beside the numbers."""

from collections.abc import Mapping, Sequence
from operator import itemgetter

from baler_vae.errors import listed
from baler_vae.reader.archive_info import ArchiveInfo
from baler_vae.source.source import Source

MOST_OF_GUARANTEES = 0.1
"""The part of an archive that guarantees take without a remark."""


def extras_remark(source: Source, kept_bytes: int, archive_bytes: int) -> str:
    """What is kept as raw bytes besides the columns, in `kept_bytes` of an archive; nothing where that is nothing."""
    if not source.extra_bytes or not kept_bytes:
        return ""
    largest = sorted(source.extra_bytes.items(), key=lambda item: (-item[1], item[0]))
    share = kept_bytes / archive_bytes
    return (
        f"extras kept as raw bytes, without a bound or a model ({share:.1%} of the archive): "
        f"{listed([f'{name} ({n_bytes:,} bytes)' for name, n_bytes in largest])}"
    )


def rounded_remark(rounded: Mapping[str, str]) -> str:
    """The columns of whole numbers that are kept under a bound which was meant for all floats, by name."""
    if not rounded:
        return ""
    named = [f"{name} ({bound})" for name, bound in rounded.items()]
    return (
        f"float columns that contain only whole numbers are rounded, as the bounds demand: {listed(named)}; "
        f"if they count or identify something, add --bound '{next(iter(rounded))}=exact'"
    )


def guarantees_remark(info: ArchiveInfo, columns: Sequence[str]) -> str:
    """What guarantees cost where that is much, and the columns, all that they read under bounds, which would better be
    tighter; nothing where it is not.
    """
    share = info.bytes.guarantees / info.archive_bytes
    if share <= MOST_OF_GUARANTEES or not columns:
        return ""
    parts = [(repr(one.text), one.moves_bytes) for one in info.guarantees]
    dearest, most_bytes = max([*parts, ("values stored to the bit", info.shared_bytes["patches"])], key=itemgetter(1))
    mostly = f", most of it {dearest}" if 2 * most_bytes > info.bytes.guarantees else ""
    return f"guarantees take {share:.1%} of the archive{mostly}: tighter bounds may take less: {listed(columns)}"


def left_out_remark(left_out: Mapping[str, str]) -> list[str]:
    """One sentence on tables and objects of a file that are not in its archive, where there are some."""
    return [f"left out: {listed([f'{name} ({why})' for name, why in left_out.items()])}"] if left_out else []
