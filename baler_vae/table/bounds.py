"""What a user promises of the values of each column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from baler_vae.errors import UsageError
from baler_vae.table.schema import Column, Schema, match_columns

Bound = Literal["exact", "free"]
"""`exact`: the same bits come back. `free`: the value is what the latents give, nothing is promised."""

BOUNDS: tuple[Bound, ...] = get_args(Bound)


@dataclass(frozen=True)
class BoundRule:
    """A bound for the columns that match a glob, or for all float columns when there is none."""

    bound: Bound
    pattern: str | None = None


def parse_bound(text: str) -> BoundRule:
    """The rule of a text such as `free` or `Jet_eta=exact`.

    Raises:
        UsageError: the text is not a bound.
    """
    pattern, separator, bound = text.rpartition("=")
    bound = bound.strip()
    if bound not in BOUNDS or (separator and not pattern.strip()):
        raise UsageError(
            f"{text!r} is not a bound",
            expected=" or ".join(BOUNDS),
            way_out="Write a bound, or GLOB=BOUND for the columns that match",
        )
    return BoundRule(bound, pattern.strip() if separator else None)


def assign_bounds(schema: Schema, rules: Sequence[BoundRule]) -> dict[str, Bound]:
    """The bound of every column; where several rules match, the last one decides. Only float columns can be `free`.

    Raises:
        UsageError: a glob matches no column, or a name without wildcards asks for `free` on a column that is not float.
    """
    columns = {column.name: column for column in schema.columns}
    bounds: dict[str, Bound] = {name: "free" if column.is_float else "exact" for name, column in columns.items()}
    for rule in rules:
        matched = list(columns) if rule.pattern is None else match_columns(rule.pattern, list(columns))
        if rule.bound == "free" and matched == [rule.pattern]:
            _check_float(columns[matched[0]])
        bounds |= {name: rule.bound for name in matched if columns[name].is_float}
    return bounds


def _check_float(column: Column) -> None:
    if not column.is_float:
        raise UsageError(
            "only float columns can be free", column=column.name, found=str(column.dtype), way_out="Leave out its bound"
        )
