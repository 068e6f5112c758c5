"""What is public is documented: in numpydoc's sections, each parameter by its name."""

import dataclasses
import inspect
import re
import typing

import pytest

import baler_vae
import baler_vae.explore

VERBS = [getattr(baler_vae.explore, name) for name in baler_vae.explore.__all__]
OWN = [
    *(getattr(baler_vae, name) for name in baler_vae.__all__ if not name.startswith("__")),
    *VERBS,
    *(
        typing.get_type_hints(inspect.unwrap(verb))["return"]
        for verb in VERBS
        if verb is not baler_vae.explore.traverse
    ),
]
FUNCTIONS = [thing for thing in OWN if inspect.isfunction(thing)]
CLASSES = [thing for thing in OWN if inspect.isclass(thing)]
ERRORS = [thing for thing in CLASSES if issubclass(thing, Exception)]
VALUES = [thing for thing in CLASSES if not issubclass(thing, Exception)]
HEADING = re.compile(r"^([A-Z]\w+)\n-{3,}$", re.MULTILINE)


def methods():
    """The public methods of the public classes that are written here, each once."""
    found = {}
    for owner in VALUES:
        for name, method in inspect.getmembers(owner, callable):
            if not name.startswith("_") and (getattr(method, "__module__", None) or "").startswith("baler_vae"):
                found.setdefault(method.__qualname__, method)
    return list(found.values())


def sections(thing):
    """The text of each section of a docstring, and of the summary under an empty name."""
    pieces = HEADING.split(inspect.getdoc(thing) or "")
    return {"": pieces[0], **dict(zip(pieces[1::2], pieces[2::2], strict=True))}


def described(text):
    """The names that a section describes."""
    heads = [line for line in text.splitlines() if line and not line.startswith(" ")]
    return {name.strip().lstrip("*") for head in heads for name in head.partition(" : ")[0].split(",")}


def parameters(function):
    return [name for name in inspect.signature(function).parameters if name not in {"self", "cls"}]


by_name = {"ids": lambda thing: thing.__qualname__}


@pytest.mark.parametrize("thing", [*OWN, *methods()], **by_name)
def test_everything_public_is_described(thing):
    summary = sections(thing)[""].strip()
    assert summary.partition("\n\n")[0].endswith((".", ":"))
    assert "Raises:" not in summary
    assert set(sections(thing)) - {""} <= {
        "Parameters", "Attributes", "Returns", "Yields", "Raises", "Notes", "References", "Examples"
    }  # fmt: skip


@pytest.mark.parametrize("function", [*FUNCTIONS, *methods()], **by_name)
def test_every_parameter_and_result_is_described(function):
    found, signature = sections(function), inspect.signature(function)
    if parameters(function):
        assert described(found["Parameters"]) == set(parameters(function))
        if signature.return_annotation not in (None, "None", inspect.Signature.empty):
            assert {"Returns", "Yields"} & set(found)


@pytest.mark.parametrize("function", FUNCTIONS, **by_name)
def test_every_verb_says_what_it_raises(function):
    raised = sections(function)["Raises"].splitlines()
    names = {name for line in raised if line and not line.startswith(" ") for name in line.split(", ")}
    assert names <= {error.__name__ for error in ERRORS}


@pytest.mark.parametrize("value", VALUES, **by_name)
def test_every_field_of_a_value_is_described(value):
    own = getattr(value, "model_fields", None)
    names = set(own) if own is not None else {one.name for one in fields_of(value) if not one.name.startswith("_")}
    found = sections(value)
    assert names - inherited(value) <= described(found.get("Attributes", found.get("Parameters", "")))


def fields_of(value):
    return dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()


def inherited(value):
    """The fields of the bases of a value, which those describe."""
    return {name for base in value.__mro__[1:] for name in getattr(base, "__annotations__", {})}
