"""Advice on precision: shown, drawn, and written into a project."""

from collections.abc import Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baler_vae.cli.console import note, progress_bar, say, say_json
from baler_vae.cli.editing import with_list
from baler_vae.cli.extras import needing_reports
from baler_vae.errors import UsageError
from baler_vae.output import check_output, replacing
from baler_vae.paths import is_folder
from baler_vae.settings.evaluation import EvaluationSettings
from baler_vae.settings.model import ModelSettings
from baler_vae.settings.project import read_project

if TYPE_CHECKING:
    from rich.text import Text

    from baler_vae.evaluation.advice import Advice


def advise_on(
    inputs: Sequence[str],
    project: Path | None,
    request: Mapping[str, Any],
    *,
    figure: Path | None,
    write: bool,
    force: bool,
    progress_shown: bool,
    as_json: bool,
) -> None:
    """Advises on files, shows it and how the project would change, and writes the figure and, with `write`, the bounds
    into the project.

    Raises:
        UsageError: there is no project to write into.
    """
    from baler_vae.study.advise import advise

    if write and project is None:
        raise UsageError("there is no project to write the bounds into", way_out="Name one with --project")
    if figure is not None:
        with needing_reports("the figure"):
            from baler_vae.report.advice import advice_figure
            from baler_vae.report.drawing import write_svg
        check_output(figure, force=force)
    wanted = {name: value for name, value in request.items() if value is not None}
    path = project / "project.toml" if project is not None and is_folder(project) else project
    if path is not None:
        read = read_project(path)
        check_output(path, force=True)
        wanted = {"columns": read.columns, "bound": read.bound, **wanted}
        wanted |= {"settings": read.evaluation, "model": read.model}
    else:
        wanted |= {"settings": EvaluationSettings(), "model": ModelSettings()}
    with progress_bar(shown=progress_shown) as progress:
        advice = advise(inputs, progress=progress, **wanted)
    if as_json:
        say_json(advice.to_dict())
    else:
        from baler_vae.report.advice import advice_lines, advice_table

        say(advice_table(advice), *advice_lines(advice))

    tell = note if as_json else say
    if figure is not None:
        write_svg(figure, advice_figure(advice), force=force)
        tell(f"figure: {figure.absolute()}")
    if path is not None:
        kept = _bounds_of_others(read.bound, advice) if request.get("columns") else []
        before = path.read_bytes().decode("utf-8")
        after = with_list(before, "bound", [*kept, *advice.bounds])
        if not as_json:
            say(*difference(path.name, before, after))
        if write:
            with replacing(path, force=True) as part:  # as it is now: another run may have changed it since
                after = with_list(path.read_bytes().decode("utf-8"), "bound", [*kept, *advice.bounds])
                part.write_text(after, "utf-8", newline="")
        tell(_what_became(path, is_new=after != before, written=write))
    elif not as_json:
        say("", *(f"--bound '{bound}'" for bound in advice.bounds))


def _what_became(path: Path, *, is_new: bool, written: bool) -> str:
    """A line on a project whose bounds are those of an advice now, or would be."""
    if not is_new:
        return f"these are the bounds of: {path.absolute()}"
    return f"{'bounds written into' if written else 'not changed, for want of --write'}: {path.absolute()}"


def difference(name: str, before: str, after: str) -> "list[Text]":
    """The lines in which a text differs, as `diff -u` shows them."""
    from rich.text import Text

    styles = {"+": "green", "-": "red", "@": "cyan"}
    lines = unified_diff(before.splitlines(), after.splitlines(), name, f"{name}, as advised", n=0, lineterm="")
    return [Text(line, style=styles.get(line[0], "")) for line in lines]


def _bounds_of_others(bounds: Sequence[str], advice: "Advice") -> list[str]:
    """The bounds of a project that hold for columns on which nobody asked for advice; where two match, the last one
    decides.
    """
    advised = {column.name for column in advice.columns}
    return [bound for bound in bounds if bound.rpartition("=")[0] not in advised and bound not in advice.bounds]
