"""Archives side by side: shown, and drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from baler_vae.cli.advice import write_svg
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
    project: "Project | None",
    dialect: "DialectOptions | None",
    rivals: Path | None,
    figure: Path | None,
    force: bool,
    progress_shown: bool,
    as_json: bool,
) -> None:
    """Compares archives, and what bounds and models make of a file, and shows it."""
    from baler_vae.evaluation.comparison import Comparison
    from baler_vae.study.compare import compare_archives, compare_ways

    if models and not bounds:
        raise UsageError("--models needs --bounds", way_out="Name one or more with --bounds")
    if not archives and not bounds:
        raise UsageError("nothing to compare", way_out="Name archives, a folder of them, or bounds with --bounds")
    if rivals is not None and not bounds:
        raise UsageError("--rivals needs archives or --bounds", way_out="Name one or more with --bounds")
    if figure is not None:
        with needing_reports("the figure"):
            from baler_vae.report.comparison import rate_distortion_figure
        check_output(figure, force=force)
    settings = project.evaluation if project is not None else None
    kinds = [kind.strip() for text in models for kind in text.split(",")]
    with progress_bar(shown=progress_shown) as progress:
        found: list[Compared] = []
        if archives:
            found += compare_archives(archives, against, settings=settings, dialect=dialect, progress=progress)
        if bounds:
            found += compare_ways(
                against,
                bounds=bounds,
                models=kinds or ("independent",),
                columns=columns or (project.columns if project is not None else ()),
                settings=settings,
                dialect=dialect,
                model=project.model if project is not None else None,
                progress=progress,
            )
    comparison = Comparison(against, tuple(found), _rivals(rivals, found) if rivals is not None else {})
    if as_json:
        say_json(comparison.to_json())
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
        return f"PASS: all tolerances are met by {count(len(archives), 'archive')}"
    reasons = [text for one in failed for text in (f"{one.name}: {sentence}" for sentence in one.exceeded)]
    return with_reasons(f"FAIL: tolerances are exceeded by {len(failed)} of {count(len(archives), 'archive')}", reasons)


def _rivals(path: Path, found: "Sequence[Compared]") -> dict[str, dict[str, int]]:
    """What rivals take for the same values, by bound; bounds under which nothing was measured are left out.

    Raises:
        SourceError: the file cannot be read.
        UsageError: nothing was measured under any of the bounds.
    """
    with needing_reports("the figures of rivals"):
        from baler_vae.report.rivals import read_rivals
    bounds = {own.bound for own in found if own.bound is not None}
    if path.suffix == ".json" and len(bounds) > 1:
        raise UsageError(
            "does not say which bound its sizes keep",
            path=path,
            way_out="Compare under one bound, or name the table of the benchmarks (results.csv)",
        )
    known: dict[str, dict[str, int]] = {}
    failed: UsageError | None = None
    for own in found:
        if own.bound is None or own.bound in known:
            continue
        try:
            known[own.bound] = read_rivals(path, original_bytes=own.original_bytes, bounds=[own.bound])
        except UsageError as error:
            failed = error
    if failed is not None and not known:
        raise failed
    return known
