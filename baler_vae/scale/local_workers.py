"""The worker processes of this machine, each replaced when it dies.

Dask's own local clusters wait for ever for a worker that dies while it starts, and so does closing them.
"""

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

from baler_vae.errors import BalerError
from baler_vae.paths import new_temporary_folder

PATIENCE = 60.0
"""Seconds in which some worker must be there, at the start and whenever there is work."""
_FAILURES = 3
"""How often each worker may fail, without being killed, before the first one is ready."""
_LEAST_LIFE = 1.0
"""Seconds from the start of a worker to that of the next in its place: one that dies at once costs no more."""
_PAUSE = 0.1
"""Seconds between looks at the processes."""
_ENVIRONMENT = {
    # Dask would have workers give back all memory at once; arrays that come and go then take eight times as long.
    "MALLOC_TRIM_THRESHOLD_": str(1 << 28),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 28),
    # One core for each worker.
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
}


@dataclass
class _Process:
    """A worker, and the file that takes what it says."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]
    started: float = field(default_factory=time.monotonic)
    ended: bool = False

    def end(self) -> None:
        """Kills the process: all that it did is at the scheduler, or is not needed."""
        if self.ended:
            return
        self.ended = True
        self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.output.close()

    @property
    def failed(self) -> bool:
        """Whether the process ended without being killed."""
        return self.process.returncode is not None and self.process.returncode >= 0

    def last_words(self) -> str:
        """How the process ended, and the last line that it wrote."""
        self.output.seek(0)
        lines = self.output.read().decode("utf-8", "replace").strip().splitlines()
        code = self.process.returncode
        how = f"killed by signal {-code}" if code is not None and code < 0 else f"exit status {code}"
        return f"{how}: {lines[-1]}" if lines else how


class LocalWorkers:
    """Worker processes for the scheduler at an address, as a context manager. None outlives this process."""

    def __init__(self, address: str, n_workers: int) -> None:
        self._address = address
        self._n_workers = n_workers
        self._processes: list[_Process] = []
        self._started = 0
        self._last_death = ""
        self._failures = 0
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._replace_dead, daemon=True)
        self._folder: TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self._folder = new_temporary_folder("baler-vae-workers-", ignore_cleanup_errors=True)
        try:
            for _ in range(self._n_workers):
                self._processes.append(self._start())
            self._watch.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._watch.join()
        self._end()

    def wait_for_one(self, client: Any) -> None:  # noqa: ANN401  of Dask
        """Waits until a worker is there.

        Raises:
            BalerError: none came in time.
        """
        deadline = time.monotonic() + PATIENCE
        while not client.scheduler_info()["workers"]:
            if time.monotonic() > deadline or self._failures >= _FAILURES * self._n_workers:
                died = f" (the last one ended: {self._last_death})" if self._last_death else ""
                raise BalerError(
                    f"no worker process could be started{died}",
                    way_out="Run without --workers, or with fewer",
                )
            time.sleep(_PAUSE)

    def _replace_dead(self) -> None:
        while not self._stop.wait(_PAUSE):
            for number, one in enumerate(self._processes):
                if one.process.poll() is not None:
                    self._replace(number, one)

    def _replace(self, number: int, dead: _Process) -> None:
        """Starts a worker in place of a dead one; where that cannot be, now or so soon, it is tried again."""
        if not dead.ended:
            self._last_death = dead.last_words()
            self._failures += dead.failed
            dead.end()
        if time.monotonic() < dead.started + _LEAST_LIFE:
            return
        try:
            self._processes[number] = self._start()
        except OSError as error:
            self._last_death = f"no process: {error.strerror}"

    def _start(self) -> _Process:
        from distributed.system import MEMORY_LIMIT  # noqa: PLC0415  an extra

        if self._folder is None:
            raise ValueError("a worker used outside its block")
        self._started += 1
        # Modules come from where they come from here, not from the folder that the user happens to be in (-P).
        command = [sys.executable, "-P", "-m", "baler_vae.scale.worker", self._address, f"local-{self._started}"]
        command += [str(MEMORY_LIMIT / self._n_workers), self._folder.name]
        modules = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        output = TemporaryFile()  # noqa: SIM115  open for as long as the process lives
        try:
            process = subprocess.Popen(  # noqa: S603  this program
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | _ENVIRONMENT | {"PYTHONPATH": modules},
                start_new_session=True,  # an interrupt from the keyboard is for this process, which ends its workers
            )
        except BaseException:
            output.close()
            raise
        return _Process(process, output)

    def _end(self) -> None:
        for one in self._processes:
            one.end()
        if self._folder is not None:
            self._folder.cleanup()
