"""The tables of docs/uproot.md, against the uproot that is installed and against what archives have."""

import inspect
import re
from pathlib import Path

import pytest
import uproot
from uproot.behaviors.RNTuple import RNTuple
from uproot.behaviors.TBranch import Report as UprootReport
from uproot.behaviors.TBranch import TBranch
from uproot.behaviors.TTree import TTree

import baler_vae
from baler_vae.reader.archive import Archive
from baler_vae.reader.column import ArchiveColumn
from baler_vae.reader.steps import Report

PAGE = Path(baler_vae.__file__).parents[1] / "docs" / "uproot.md"
FUNCTIONS = ("open", "iterate", "concatenate", "dask")
OTHER_NAMES = {"path": "place", "files": "path", "key": "name"}
"""What archives call a parameter of uproot."""


def tables() -> dict[str, dict[str, tuple[str, str]]]:
    """The rows of each table: whether archives have something, and a remark."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("## "):
            rows = found.setdefault(line[3:].replace("`", ""), {})
        row = re.fullmatch(r"\| `(\w+)` \| (\w+) \| (.*) \|", line)
        if row:
            assert row[1] not in rows, f"{row[1]} stands twice"
            rows[row[1]] = row[2], row[3]
    return found


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def parameters(function: object) -> set[str]:
    return set(inspect.signature(function).parameters) - {"self"}


def of_methods(kind: type) -> set[str]:
    functions = [inspect.getattr_static(kind, name) for name in public(kind)]
    return set().union(*(parameters(function) for function in functions if inspect.isfunction(function)))


THEIRS = {
    "Functions": set(FUNCTIONS),
    "Parameters of open": parameters(uproot.open) | set(uproot.open.defaults),
    **{f"Parameters of {name}": parameters(getattr(uproot, name)) for name in FUNCTIONS[1:]},
    "Methods of TTree": public(TTree),
    "Parameters of the methods of TTree": of_methods(TTree),
    "Methods of TBranch": public(TBranch),
    "Parameters of TBranch.array": parameters(TBranch.array),
    "Methods of RNTuple": public(RNTuple),
    "Parameters of the methods of RNTuple": of_methods(RNTuple),
    "Attributes of Report": public(UprootReport),
}

OURS = {
    "Functions": set(baler_vae.__all__),
    **{f"Parameters of {name}": parameters(getattr(baler_vae, name)) for name in FUNCTIONS},
    "Methods of TTree": public(Archive) | {"name", "title"},
    "Parameters of the methods of TTree": of_methods(Archive),
    "Methods of TBranch": public(ArchiveColumn),
    "Parameters of TBranch.array": parameters(ArchiveColumn.array),
    "Methods of RNTuple": public(Archive) | {"path"},
    "Parameters of the methods of RNTuple": of_methods(Archive),
    "Attributes of Report": public(Report) | set(Report.__dataclass_fields__),
}


def test_there_is_a_table_for_each():
    assert set(tables()) == set(THEIRS)


@pytest.mark.parametrize("title", THEIRS)
def test_every_name_of_uproot_has_a_row_that_is_true(title):
    rows = tables()[title]
    assert THEIRS[title] <= set(rows), f"uproot has more: {sorted(THEIRS[title] - set(rows))}"
    if uproot.__version__.startswith("5.7."):
        assert set(rows) == THEIRS[title]
    for name, (answer, remark) in rows.items():
        has = name in OURS[title] or OTHER_NAMES.get(name) in OURS[title]
        assert answer == ("yes" if has else "no"), name
        assert remark, f"{name} has no remark"
        assert answer == "yes" or remark != "as in uproot", f"{name} has no reason"
