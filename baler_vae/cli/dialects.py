"""The options that say how files of delimited text are written, for every verb that reads some."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

_HELP = {
    "separator": "Separator of a text file: a character, or comma, semicolon, tab, pipe, space, "
    "whitespace; detected by default.",
    "header": "Header row of a text file: first or none; detected by default.",
    "comment": "Start of comment lines in a text file, or none (default: # and %).",
    "decimal": "Decimal mark of a text file: . or a comma; detected by default.",
    "encoding": "Encoding of a text file, such as latin-1; detected by default.",
}
_METAVARS = {"separator": "CHAR", "header": "ROW", "comment": "TEXT", "decimal": "CHAR", "encoding": "NAME"}


def with_dialect(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb with options for these, which it gets as its argument `dialect`, a dictionary of those that were given."""

    def run(**arguments: Any) -> None:
        said = {name: arguments.pop(name) for name in _HELP}
        verb(**arguments, dialect={name: value for name, value in said.items() if value is not None})

    signature = inspect.signature(verb, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != "dialect"]
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[str | None, typer.Option(f"--{name}", metavar=_METAVARS[name], help=text)],
        )
        for name, text in _HELP.items()
    ]
    parameters = [*own, *options]
    run.__name__, run.__doc__ = verb.__name__, verb.__doc__
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
