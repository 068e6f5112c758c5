"""Jagged columns as lists of records, `Jet_pt` as `Jet.pt`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from baler_vae.memory.libraries import is_jagged

if TYPE_CHECKING:
    import awkward as ak

_SEPARATORS = "_./"


def zipped(columns: "Mapping[str, ak.Array]", collections: Mapping[str, str | None]) -> "ak.Array":
    """An awkward array of one record for each event, the jagged columns of a collection joined to one list of records.

    Parameters
    ----------
    columns : mapping of str to ak.Array
        The columns, all of the same number of events.
    collections : mapping of str to str or None
        The collection of each column; None where it has none, or where that is not known.

    Returns
    -------
    ak.Array
        Columns that are not jagged keep their names. A list of records takes the name that its columns begin with, up
        to the last ``_``, ``.`` or ``/`` that they have in common: ``Jet_pt`` and ``Jet_eta`` become ``Jet.pt`` and
        ``Jet.eta``. Where there is none, or a column has that name, it is ``jagged0``, ``jagged1`` and so on, as in
        uproot.
    """
    import awkward as ak  # noqa: PLC0415

    fields: dict[str, Any] = {name: array for name, array in columns.items() if not is_jagged(array)}
    for number, names in enumerate(_alike(columns, collections)):
        cut = _common(names)
        name = names[0][:cut].strip(_SEPARATORS)
        if not name or name in fields:
            cut, name = 0, f"jagged{number}"
        own = {own[cut:].strip(_SEPARATORS) if cut else own: columns[own] for own in names}
        fields[name] = ak.zip(own, depth_limit=2)
    return ak.zip(fields, depth_limit=1)


def _alike(columns: "Mapping[str, ak.Array]", collections: Mapping[str, str | None]) -> list[list[str]]:
    """The names of the jagged columns, those of one collection and of equal lengths in one list."""
    import awkward as ak  # noqa: PLC0415

    found: list[tuple[str | None, Any, list[str]]] = []
    for name, array in columns.items():
        if not is_jagged(array):
            continue
        own, counts = collections.get(name), ak.to_numpy(ak.fill_none(ak.num(array), -1))
        for other, lengths, names in found:
            if (own is None or other is None or own == other) and np.array_equal(counts, lengths):
                names.append(name)
                break
        else:
            found.append((own, counts, [name]))
    return [names for *_, names in found]


def _common(names: Sequence[str]) -> int:
    """How many characters all names begin with, up to and with a separator that is not the last character of any."""
    first = names[0]
    for end in range(min(map(len, names)) - 1, 0, -1):
        if first[end - 1] in _SEPARATORS and all(name.startswith(first[:end]) for name in names):
            return end
    return 0
