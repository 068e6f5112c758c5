"""The folder of a sweep: what was asked for, a file for each run that is done, and the table of all of them.

`sweep.json` says what was asked for; `runs/` has the runs, `seconds/` how long each took, which no table compares;
`runs.jsonl` has a line for each run and `summary.json` the whole result, once all are done.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baler_vae.errors import OutputError, UsageError
from baler_vae.explore.sweep_run import RunTask, measured_run
from baler_vae.measures.sweeps import SweepResult, SweepRun
from baler_vae.output import check_folder, made_folder, output_errors, owned, replacing
from baler_vae.progress import Progress, silent
from baler_vae.scale.parallel import one_thread


@dataclass(frozen=True)
class SweepFolder:
    """The folder at a path."""

    path: Path

    @property
    def request(self) -> Path:
        return self.path / "sweep.json"

    @property
    def best(self) -> Path:
        """Where the project with the best settings goes."""
        return self.path / "best.toml"

    @property
    def table(self) -> Path:
        return self.path / "runs.jsonl"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    def check(self, *, force: bool, resume: bool) -> None:
        """Check that a sweep may begin here, or go on with `resume`, before anything is read.

        Raises:
            OutputError: the folder cannot be written to, or holds a sweep and neither is asked for.
        """
        check_folder(self.path)
        if self.request.exists() and not (force or resume):
            raise OutputError(
                "holds a sweep already",
                path=self.path,
                way_out="Continue it with --resume, start again with --force, or name another folder",
            )

    @contextmanager
    def opened(self, request: Mapping[str, Any], *, force: bool, resume: bool) -> Iterator[None]:
        """A context in which no other sweep writes to the folder; it goes on with the runs that are there where
        `resume` is true and they were asked for by an equal `request`.

        Raises:
            OutputError: as `check`, or another sweep is writing to it.
            UsageError: the sweep to be continued was asked for something else.
        """
        self.check(force=force, resume=resume)
        with made_folder(self.path), owned(self.request, force=True):
            self.check(force=force, resume=resume)
            asked = json.loads(json.dumps(request))
            if resume and self.request.exists():
                self._check_same(asked)
            else:
                self._begin(asked)
            yield

    def _check_same(self, asked: Mapping[str, Any]) -> None:
        with output_errors(self.request):
            found = json.loads(self.request.read_text("utf-8"))
        changed = [name for name in {**found, **asked} if found.get(name) != asked.get(name)]
        if changed:
            raise UsageError(
                f"the sweep to be continued had a different {' and a different '.join(changed)}",
                path=self.path,
                way_out="Restore what the project was, start again with --force, or name another folder",
            )

    def _begin(self, asked: Mapping[str, Any]) -> None:
        with output_errors(self.path):
            for path in (self.request, self.table, self.summary, self.best):
                path.unlink(missing_ok=True)
            for name in ("runs", "seconds"):
                shutil.rmtree(self.path / name, ignore_errors=True)
                (self.path / name).mkdir()
        with replacing(self.request, force=True) as part:
            part.write_text(json.dumps(asked, indent=2, ensure_ascii=False), "utf-8")

    def run_path(self, number: int) -> Path:
        """The file of a run."""
        return self.path / "runs" / f"{number:06d}.json"

    def read(self, run: SweepRun) -> SweepRun | None:
        """The run of that number, settings and seed, where it is done."""
        path = self.run_path(run.number)
        if not path.exists():
            return None
        with output_errors(path):
            found = SweepRun.from_dict(json.loads(path.read_text("utf-8")))
        return found if (found.key, found.seed) == (run.key, run.seed) else None

    def finish(self, result: SweepResult) -> None:
        """Write the tables of a sweep that is done."""
        with replacing(self.table, force=True) as part:
            lines = (json.dumps(run.to_dict(), ensure_ascii=False) + "\n" for run in result.runs)
            part.write_text("".join(lines), "utf-8")
        with replacing(self.summary, force=True) as part:
            found = {key: value for key, value in result.to_dict().items() if key != "runs"}
            part.write_text(json.dumps(found, indent=2, ensure_ascii=False), "utf-8")

    def seconds(self, runs: Sequence[SweepRun]) -> float:
        """The seconds that the runs took, wherever they ran, as far as that is known."""
        paths = [self.path / "seconds" / self.run_path(run.number).name for run in runs]
        return sum(float(json.loads(path.read_text("utf-8"))["seconds"]) for path in paths if path.exists())


def run_and_keep(task: RunTask, path: Path, progress: Progress = silent) -> SweepRun:
    """The run of a task, after it was written to its file; the errors are those of `measured_run`."""
    started = time.perf_counter()
    run = measured_run(task, progress)
    seconds = {"seconds": time.perf_counter() - started}
    with replacing(path.parent.parent / "seconds" / path.name, force=True) as part:
        part.write_text(json.dumps(seconds), "utf-8")
    with replacing(path, force=True) as part:
        part.write_text(json.dumps(run.to_dict(), ensure_ascii=False), "utf-8")
    return run


def run_on_worker(task: RunTask, path: Path) -> SweepRun:
    """The same in one thread: a worker among others has one core."""
    with one_thread():
        return run_and_keep(task, path)
