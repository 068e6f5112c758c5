"""Whether an archive keeps what it guarantees beyond the bounds of columns, judged row by row against the original."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.manifests import guarantees_of
from baler_vae.errors import BoundBroken, CorruptArchive, UsageError
from baler_vae.guarantees.definitions import Guarantee
from baler_vae.guarantees.promises import Promise, Promises
from baler_vae.reader.archive import Archive
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch
from baler_vae.verbs.verification import GuaranteeCheck, joined, with_worst

if TYPE_CHECKING:
    from baler_vae.evaluation.numbers import GuaranteeResult

Checks = tuple[GuaranteeCheck, ...]


def promises_of(archive: Archive) -> Promises:
    """What an archive guarantees, ready to be judged.

    Raises:
        CorruptArchive: it guarantees what its columns do not have.
    """
    try:
        return Promises(guarantees_of(archive.manifest), archive.schema)
    except UsageError as error:
        raise CorruptArchive(f"a guarantee: {error}", path=archive.path, section="manifest.json") from error


def blank_guarantees(promises: Promises) -> Checks:
    """The checks of guarantees before any row was compared."""
    groups = promises.quantities.schema.groups
    return tuple(GuaranteeCheck(promise.guarantee.text, groups[promise.home].name) for promise in promises.all)


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def proved(checks: Checks, promises: Promises, before: Batch, after: Batch, others: Promises | None = None) -> Checks:
    """The checks with one more batch, as it was and as an archive gives it back; `others` are the same guarantees over
    the columns of what came back, where those are of another schema.
    """
    if not checks:
        return checks
    pairs = zip(checks, promises.all, promises.values(before), (others or promises).values(after), strict=True)
    return tuple(_updated(check, promise, original, restored) for check, promise, original, restored in pairs)


class Proof:
    """The guarantees of an archive over batches of an original and of what came back, given by the schemas of the
    columns that are compared; what is about other columns is not judged.
    """

    def __init__(self, archive: Archive, before: Schema, after: Schema) -> None:
        self._kept = guarantees_of(archive.manifest)
        self._promises: dict[Guarantee, tuple[Promises, Promises]] = {}
        for one in self._kept.promised:
            own = self._kept.only([one])
            with suppress(UsageError):  # a column is not among them
                self._promises[one] = Promises(own, before), Promises(own, after)
        self._checks = {one: blank_guarantees(first) for one, (first, _) in self._promises.items()}

    def add(self, before: Batch, after: Batch) -> None:
        """Takes more rows into account."""
        for one, (first, second) in self._promises.items():
            self._checks[one] = proved(self._checks[one], first, before, after, second)

    def results(self) -> "tuple[GuaranteeResult, ...]":
        """What became of the guarantees in all rows so far."""
        return tuple(self._result(one) for one in self._kept.promised)

    def _result(self, one: Guarantee) -> "GuaranteeResult":
        from baler_vae.evaluation.numbers import GuaranteeResult  # noqa: PLC0415  readers do without it

        said: dict[str, Any] = {"text": one.text, "definitions": self._kept.definitions(one), **vars(one)}
        if one not in self._checks:
            return GuaranteeResult(is_judged=False, **said)
        (check,) = self._checks[one]
        worst = None if one.cut is not None else check.worst
        return GuaranteeResult(group=check.group, n=check.n_values, n_broken=check.n_broken, worst=worst, **said)


def joined_guarantees(first: Sequence[GuaranteeCheck], second: Sequence[GuaranteeCheck]) -> Checks:
    """The checks of the rows of some checks and, behind them, of others of the same guarantees."""
    return tuple(joined(*pair) for pair in zip(first, second, strict=True))


def check_guarantees(checks: Iterable[GuaranteeCheck], path: str) -> None:
    """Check that no guarantee is broken.

    Raises:
        BoundBroken: it names the first one, and its worst row.
    """
    for check in checks:
        if check.n_broken:
            raise BoundBroken(
                f"{check.n_broken:,} of {check.n_values:,} break the guarantee {check.text!r}",
                path=path,
                rows=f"the worst in row {check.worst_row} of {check.group}",
                found=check.restored,
                expected=check.original,
                way_out="Keep the original, and report this together with the file",
            )


def _updated(
    check: GuaranteeCheck, promise: Promise, before: NDArray[np.generic], after: NDArray[np.generic]
) -> GuaranteeCheck:
    """The check with the values (rows,) of one more batch."""
    first_row, check = check.n_values, replace(check, n_values=check.n_values + len(before))
    return with_worst(check, before, after, promise.kept(before, after), promise.units(before, after), first_row)
