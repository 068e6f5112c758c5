"""Archives side by side: shown, and drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from baler_vae.cli.console import note, progress_bar, say, say_json, say_verdict
from baler_vae.cli.extras import needing_reports
from baler_vae.errors import UsageError
from baler_vae.output import check_output

if TYPE_CHECKING:
    from baler_vae.evaluation.comparison import Compared
    from baler_vae.settings.project import Project
    from baler_vae.source.dialect import DialectOptions


def compare_all(
    archives: Sequence[str],
    against: str,
    *,
    bounds: Sequence[str],
    models: Sequence[str],
    columns: Sequence[str] | None,
    guarantees: Sequence[str] | None,
    project: "Project | None",
    dialect: "DialectOptions | None",
    rivals: Path | None,
    figure: Path | None,
    force: bool,
    progress_shown: bool,
    as_json: bool,
) -> None:
    """Compares archives, and what bounds and models make of a file, and shows it."""
    from baler_vae.study.compare import compare

    if models and not bounds:
        raise UsageError("--models needs --bounds", way_out="Name one or more with --bounds")
    if not archives and not bounds:
        raise UsageError("nothing to compare", way_out="Name archives, a folder of them, or bounds with --bounds")
    if guarantees and not bounds:
        raise UsageError("--guarantee needs --bounds", way_out="Name one or more with --bounds")
    if rivals is not None and not bounds:
        raise UsageError("--rivals needs archives or --bounds", way_out="Name one or more with --bounds")
    if figure is not None:
        with needing_reports("the figure"):
            from baler_vae.report.comparison import rate_distortion_figure
            from baler_vae.report.drawing import write_svg
        check_output(figure, force=force)
    settings = project.evaluation if project is not None else None
    kinds = [kind.strip() for text in models for kind in text.split(",")]
    with progress_bar(shown=progress_shown) as progress:
        comparison = compare(
            against,
            archives,
            bounds=bounds,
            models=kinds or ("independent",),
            columns=columns or (project.columns if project is not None else ()),
            guarantees=guarantees or (project.guarantees if project is not None else ()),
            rivals=rivals,
            settings=settings,
            dialect=dialect,
            model=project.model if project is not None else None,
            progress=progress,
        )
    if as_json:
        say_json(comparison.to_dict())
    else:
        from baler_vae.report.comparison import archives_table, guarantees_table, residuals_table, shifts_table

        between = [table for table in (shifts_table(comparison), guarantees_table(comparison)) if table is not None]
        say(archives_table(comparison), *between, residuals_table(comparison))
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
        return f"PASS: all tolerances are met by {count(len(archives), 'archive')}"
    reasons = [text for one in failed for text in (f"{one.name}: {sentence}" for sentence in one.exceeded)]
    return with_reasons(f"FAIL: tolerances are exceeded by {len(failed)} of {count(len(archives), 'archive')}", reasons)
