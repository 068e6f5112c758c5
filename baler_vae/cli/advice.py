"""Advice on precision: shown, drawn, and written into a project."""

from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

from baler_vae.cli.console import note, progress_bar, say, say_json
from baler_vae.cli.editing import with_list
from baler_vae.cli.extras import needing_reports
from baler_vae.errors import UsageError
from baler_vae.output import check_output, replacing
from baler_vae.paths import is_folder

if TYPE_CHECKING:
    from rich.text import Text

    from baler_vae.evaluation.advice import Advice
    from baler_vae.settings.project import Project
    from baler_vae.source.dialect import DialectOptions


def advise_on(
    inputs: Sequence[str],
    project: Path | None,
    read: "Project | None",
    *,
    columns: Sequence[str] | None,
    bound: Sequence[str] | None,
    part: float,
    sample_rows: int | None,
    fitted: bool,
    share: bool,
    dialect: "DialectOptions | None",
    figure: Path | None,
    write: bool,
    force: bool,
    progress_shown: bool,
    as_json: bool,
) -> None:
    """Advises on files, shows it and how the project would change, and writes the figure and, with `write`, the bounds
    into the project, which was `read` from a file or a folder.

    Raises:
        UsageError: there is no project to write into.
    """
    from baler_vae.study.advise import SAMPLE_ROWS, advise

    if write and project is None:
        raise UsageError("there is no project to write the bounds into", way_out="Name one with --project")
    if figure is not None:
        with needing_reports("the figure"):
            from baler_vae.report.advice import advice_figure
            from baler_vae.report.drawing import write_svg
        check_output(figure, force=force)
    path = project / "project.toml" if project is not None and is_folder(project) else project
    if path is not None:
        check_output(path, force=True)
    with progress_bar(shown=progress_shown) as progress:
        advice = advise(
            inputs,
            columns=columns or (() if read is None else read.columns),
            bound=bound or (() if read is None else read.bound),
            dialect=dialect,
            settings=None if read is None else read.evaluation,
            model=None if read is None else read.model,
            part=part,
            sample_rows=SAMPLE_ROWS if sample_rows is None else sample_rows,
            fitted=fitted,
            share=share,
            progress=progress,
        )
    if as_json:
        say_json(advice.to_dict())
    else:
        from baler_vae.report.advice import advice_lines, advice_table

        say(advice_table(advice), *advice_lines(advice))

    tell = note if as_json else say
    if figure is not None:
        write_svg(figure, advice_figure(advice), force=force)
        tell(f"figure: {figure.absolute()}")
    if path is not None and read is not None:
        kept = _bounds_of_others(read.bound, advice) if columns else []
        before = path.read_bytes().decode("utf-8")
        after = with_list(before, "bound", [*kept, *advice.bounds])
        if not as_json:
            say(*difference(path.name, before, after))
        if write:
            with replacing(path, force=True) as new:  # as it is now: another run may have changed it since
                after = with_list(path.read_bytes().decode("utf-8"), "bound", [*kept, *advice.bounds])
                new.write_text(after, "utf-8", newline="")
        tell(_what_became(path, is_new=after != before, written=write))
    elif not as_json:
        say("", *(f"--bound '{bound}'" for bound in advice.bounds))


def _what_became(path: Path, *, is_new: bool, written: bool) -> str:
    """A line on a project whose bounds are those of an advice now, or would be."""
    if not is_new:
        return f"these bounds are already in: {path.absolute()}"
    return f"{'bounds written into' if written else 'not changed (--write updates it)'}: {path.absolute()}"


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
