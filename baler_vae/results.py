"""What all results have in common: plain values for JSON, data frames, and tables that notebooks show."""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from baler_vae.errors import shown

if TYPE_CHECKING:
    from pandas import DataFrame as DataFrame  # noqa: PLC0414  the type, for all who give one

MOST_ROWS = 60
"""Of a table in a notebook; the line below it says how many more there are."""

_CELL = 'style="text-align: left"'
_NUMBER = 'style="text-align: right"'


def as_plain(value: object, *, finite: bool = False) -> Any:  # noqa: ANN401  any JSON value
    """The same value in dicts, lists and plain Python numbers; dataclasses become dicts by field. With `finite`, NaN
    and infinities become None.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_plain(getattr(value, field.name), finite=finite) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_plain(item, finite=finite) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return as_plain(value.tolist(), finite=finite)
    if isinstance(value, list | tuple):
        return [as_plain(item, finite=finite) for item in value]
    if finite and isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def data_frame(records: Iterable[Mapping[str, object]], columns: Sequence[str]) -> "DataFrame":
    """A data frame of the `columns` of some records, one row each, also where there are none."""
    import pandas as pd  # noqa: PLC0415  results are made without it

    rows = [[record[name] for name in columns] for record in records]
    return pd.DataFrame(rows, columns=list(columns))


def html_table(
    title: str, headings: Sequence[str], rows: Iterable[Sequence[object]], *, notes: Iterable[str] = ()
) -> str:
    """A table as one self-contained piece of HTML; whatever a file calls its columns is escaped. Numbers are set flush
    right, None is an empty cell, and `notes` stand below.
    """
    found = list(rows)
    head = "".join(f"<th {_CELL}>{_escaped(text)}</th>" for text in headings)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in found[:MOST_ROWS])
    told = [*notes, *([f"and {len(found) - MOST_ROWS:,} more"] if len(found) > MOST_ROWS else [])]
    below = "".join(f"<div>{_escaped(text)}</div>" for text in told)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if found else ""
    return f"<div><div><b>{_escaped(title)}</b></div>{table}{below}</div>"


def _cell(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return f"<td {_CELL}>{'yes' if value else ''}</td>"
    if isinstance(value, int | np.integer):
        return f"<td {_NUMBER}>{value:,}</td>"
    if isinstance(value, float | np.floating):
        return f"<td {_NUMBER}>{value:.4g}</td>"
    return f"<td {_CELL}>{'' if value is None else _escaped(str(value))}</td>"


def _escaped(text: str) -> str:
    return html.escape(shown(text))
