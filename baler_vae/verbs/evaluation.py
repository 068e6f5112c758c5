"""What a comparison of two files found: numbers, verdict and page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from baler_vae.errors import MissingExtra
from baler_vae.evaluation.inputs import InputFile
from baler_vae.evaluation.numbers import EvaluationNumbers
from baler_vae.output import replacing
from baler_vae.paths import temporary_folder
from baler_vae.results import as_plain, html_table

if TYPE_CHECKING:
    from baler_vae.evaluation.tolerances import Failure
    from baler_vae.report.verdict import Verdict

_HEADINGS = ("column", "group", "bound", "differ", "rms", "largest", "largest / bound", "response rms")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Evaluation(EvaluationNumbers):
    """What became of each column of a file: the numbers of `EvaluationNumbers`, judged by tolerances.

    Attributes
    ----------
    original, restored : str
        What was compared.
    failures : tuple[Failure, ...]
        The tolerances that are exceeded.
    settings : Mapping[str, Any]
        What repeats the run that wrote the archive; empty where none is known.
    history : Mapping[str, Sequence[Mapping[str, float]]]
        The history of its training by group, as far as the archive holds it.
    files : tuple[InputFile, ...]
        The files that were read, with their digests.
    tolerances : Mapping[str, Any]
        The tolerances that were judged, by name.
    """

    original: str
    restored: str
    failures: "tuple[Failure, ...]"
    settings: Mapping[str, Any] = field(default_factory=dict)
    history: Mapping[str, Sequence[Mapping[str, float]]] = field(default_factory=dict)
    files: tuple[InputFile, ...] = ()
    tolerances: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_numbers(cls, numbers: EvaluationNumbers, **known: Any) -> Self:
        """Make the evaluation of some numbers.

        Parameters
        ----------
        numbers : EvaluationNumbers
            The numbers.
        **known
            What else is known: the other attributes.

        Returns
        -------
        Evaluation
            The evaluation.
        """
        own: dict[str, Any] = {one.name: getattr(numbers, one.name) for one in fields(numbers)}
        return cls(**own, **known)

    @property
    def passed(self) -> bool:
        """Whether every tolerance is kept."""
        return not self.failures

    @property
    def headline(self) -> str:
        """The verdict in a few words, as the page begins with it."""
        return self.verdict().judgement.headline

    def verdict(self, rivals: Mapping[str, int] | None = None) -> "Verdict":
        """Say in words what was found, as the terminal, the page and notebooks do.

        Parameters
        ----------
        rivals : Mapping[str, int], optional
            What others take for the same rows under the same bound, in bytes.

        Returns
        -------
        Verdict
            The judgement, and all findings.
        """
        from baler_vae.report.verdict import verdict_of  # noqa: PLC0415  an extra

        return verdict_of(self, self.failures, rivals)

    def __repr__(self) -> str:
        return f"<Evaluation of {self.restored!r} against {self.original!r}: {len(self.columns):,} columns>"

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain JSON values, as `baler-vae evaluate --json` prints them, with `exceeded`, a sentence for
        each tolerance that is; the `verdict` (`passed`, `headline`, `sentences`); the `findings` (`topic`, `state`,
        `headline`, `sentences`), `tolerances` and `files` (`role`, `name`, `n_bytes`, `sha256`).
        """
        told = self.verdict()
        judged = told.judgement
        verdict = {"passed": self.passed, "headline": judged.headline, "sentences": list(judged.sentences)}
        return {
            **super().to_dict(),
            "exceeded": [failure.text for failure in self.failures],
            "verdict": verdict,
            "findings": as_plain(told.findings),
            "tolerances": as_plain(self.tolerances),
            "files": as_plain(self.files),
        }

    def write_page(
        self,
        path: str | Path,
        *,
        title: str | None = None,
        subtitle: str | None = None,
        rivals: str | Path | Mapping[str, int] | None = None,
        pdf: str | Path | None = None,
        date: str | None = None,
        command: str | None = None,
        force: bool = False,
    ) -> None:
        """Write everything that was found as one HTML page, which needs no network; the same numbers of the same files
        give the same bytes.

        Parameters
        ----------
        path : str or Path
            The page to write.
        title, subtitle : str, optional
            Its titles; without them the name of what was restored, and what was compared.
        rivals : str, Path or Mapping[str, int], optional
            What others take for the same rows under the same bound: bytes by name, or a file that tells them (JSON,
            or the table of the benchmarks).
        pdf : str or Path, optional
            A file to print the page to, with an installed Chromium.
        date, command : str, optional
            The date and the command line that stand at its foot, to be signed. The date is that of the environment
            variable ``SOURCE_DATE_EPOCH`` if there is none; without both a line is left to be filled in by hand.
        force : bool
            Whether files that exist are overwritten.

        Raises
        ------
        OutputError
            A file exists and `force` is false, or it cannot be written.
        SourceError
            The file of rivals cannot be read.
        UsageError
            It holds no figures for these rows under this bound.
        MissingExtra
            The packages that draw the page are not installed, or Chromium is not.
        """
        try:
            from baler_vae.report.page import render_page  # noqa: PLC0415  an extra
            from baler_vae.report.record import Origin, date_of_source  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise MissingExtra("the page", "report", str(error.name)) from error
        origin = Origin(
            files=self.files,
            tolerances=self.tolerances,
            date=date_of_source() if date is None else date,
            command=command,
        )
        with replacing(path, force=force) as part:
            page = render_page(
                self,
                title=Path(self.restored).name if title is None else title,
                subtitle=f"{self.restored} against {self.original}" if subtitle is None else subtitle,
                settings=self.settings,
                failures=self.failures,
                rivals=self.bytes_of_rivals(rivals) if isinstance(rivals, str | Path) else rivals,
                history=self.history,
                origin=origin,
            )
            part.write_text(page, "utf-8")
        if pdf is not None:
            from baler_vae.report.pdf import print_page  # noqa: PLC0415

            print_page(path, pdf, force=force)

    def print_page(self, pdf: str | Path, *, force: bool = False, **options: Any) -> None:
        """Print the page to a file of PDF without keeping it.

        Parameters
        ----------
        pdf : str or Path
            Where to.
        force : bool
            Overwrite the file.
        **options
            Those of `write_page`.

        Raises
        ------
        OutputError
            The file exists and `force` is false, or it cannot be written.
        MissingExtra
            What prints pages is not installed.
        """
        with temporary_folder() as folder:
            self.write_page(folder / "report.html", pdf=pdf, force=force, **options)

    def bytes_of_rivals(self, path: str | Path) -> dict[str, int]:
        """Read what others take for the same rows under the same bound.

        Parameters
        ----------
        path : str or Path
            The table of the benchmarks, or JSON of bytes by name.

        Returns
        -------
        dict of str to int
            Bytes by name.

        Raises
        ------
        SourceError
            The file cannot be read, or holds something else.
        UsageError
            It holds no figures for these rows under this bound.
        """
        from baler_vae.report.rivals import bounds_of, read_rivals  # noqa: PLC0415

        n_bytes = None if self.sizes is None else self.sizes.original_bytes
        return read_rivals(path, original_bytes=n_bytes, bounds=bounds_of(self.settings))

    def _repr_html_(self) -> str:
        rows = (
            (
                column.name,
                column.group,
                column.bound,
                column.n_different,
                column.rms,
                column.largest,
                column.largest_in_bounds,
                None if column.response is None else column.response.rms,
            )
            for column in self.columns
        )
        told = self.verdict()
        found = [" ".join((f"{own.topic}: {own.headline}.", *own.sentences)) for own in told.findings]
        title = f"{self.restored}: {told.judgement.headline}"
        return html_table(title, _HEADINGS, rows, notes=(*told.judgement.sentences, *found))
