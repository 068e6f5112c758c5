"""Archives side by side: shown, and drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from baler_vae.cli.console import note, progress_bar, say, say_json, say_verdict
from baler_vae.cli.extras import needing_reports
from baler_vae.errors import UsageError
from baler_vae.output import check_output
from baler_vae.paths import is_folder
from baler_vae.settings.project import read_project

if TYPE_CHECKING:
    from baler_vae.evaluation.comparison import Compared


def compare_all(
    archives: Sequence[str],
    against: str,
    *,
    bounds: Sequence[str],
    models: Sequence[str],
    columns: Sequence[str] | None,
    project: Path | None,
    dialect: dict[str, str],
    rivals: Path | None,
    figure: Path | None,
    force: bool,
    progress_shown: bool,
    as_json: bool,
) -> None:
    """Compares archives, and what bounds and models make of a file, and shows it."""
    from baler_vae.study.compare import compare

    if models and not bounds:
        raise UsageError("kinds of model are compared under bounds", way_out="Name one or more with --bounds")
    if not archives and not bounds:
        raise UsageError("nothing to compare", way_out="Name archives, a folder of them, or bounds with --bounds")
    if rivals is not None and not bounds:
        raise UsageError("rivals are compared under bounds", way_out="Name one or more with --bounds")
    if figure is not None:
        with needing_reports("the figure"):
            from baler_vae.report.comparison import rate_distortion_figure
            from baler_vae.report.drawing import write_svg
        check_output(figure, force=force)
    read = read_project(project / "project.toml" if is_folder(project) else project) if project is not None else None
    settings = read.evaluation if read is not None else None
    kinds = [kind.strip() for text in models for kind in text.split(",")]
    with progress_bar(shown=progress_shown) as progress:
        comparison = compare(
            against,
            archives,
            bounds=bounds,
            models=kinds or ("independent",),
            columns=columns or (read.columns if read is not None else ()),
            rivals=rivals,
            settings=settings,
            dialect=dialect,
            model=read.model if read is not None else None,
            progress=progress,
        )
    if as_json:
        say_json(comparison.to_dict())
    else:
        from baler_vae.report.comparison import archives_table, residuals_table, shifts_table

        shifts = shifts_table(comparison)
        say(archives_table(comparison), *([] if shifts is None else [shifts]), residuals_table(comparison))
    if figure is not None:
        write_svg(figure, rate_distortion_figure(comparison), force=force)
        (note if as_json else say)(f"figure: {figure.absolute()}")
    say_verdict(_verdict(comparison.archives), as_json=as_json)


def _verdict(archives: "Sequence[Compared]") -> str:
    """PASS or FAIL over all archives, with what the first that fail exceed."""
    from baler_vae.report.verdict import with_reasons
    from baler_vae.report.wording import count

    failed = [one for one in archives if one.exceeded]
    if not failed:
        return f"PASS: every tolerance is kept by {count(len(archives), 'archive')}"
    reasons = [text for one in failed for text in (f"{one.name}: {sentence}" for sentence in one.exceeded)]
    return with_reasons(f"FAIL: tolerances are exceeded by {len(failed)} of {count(len(archives), 'archive')}", reasons)
