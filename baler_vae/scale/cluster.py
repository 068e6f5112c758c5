"""Row groups on the workers of a Dask cluster: processes of this machine, or any cluster that is running."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from baler_vae.errors import BalerError, MissingExtra, UsageError
from baler_vae.scale.local_workers import PATIENCE, LocalWorkers

Client = Any
"""A `distributed.Client`."""

_AHEAD = 3
"""Tasks for each worker that are under way at once."""
_PATIENCE = 20
"""Seconds that a scheduler has to answer."""
_RETRIES = 3
"""How often a task is tried again after a failure that is not one of ours; one whose worker died always is."""

_Result = TypeVar("_Result")


@contextmanager
def cluster(workers: int | None = None, scheduler: str | Client | None = None) -> Iterator[Client | None]:
    """A client of so many local processes, of one thread each, or of the cluster of a scheduler (its address, or a
    client); None where neither is asked for.

    Raises:
        UsageError: both are asked for, or the scheduler does not answer.
        MissingExtra: Dask is not installed.
    """
    if workers is None and scheduler is None:
        yield None
        return
    if workers is not None and scheduler is not None:
        raise UsageError("--workers and --scheduler are mutually exclusive", way_out="Give one or the other")
    if scheduler is not None and not isinstance(scheduler, str):
        yield scheduler
        return
    try:
        import dask  # noqa: PLC0415  an extra
        import distributed  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtra("using several processes", "dask", str(error.name)) from error
    with _client_of(dask, distributed, workers, scheduler) as client:
        yield client


@contextmanager
def _client_of(dask: Any, distributed: Any, workers: int | None, scheduler: str | None) -> Iterator[Client]:  # noqa: ANN401
    if workers is not None:
        # Tasks that no worker takes for so long fail: all workers died, and no new one could be started.
        bounded = {"distributed.scheduler.no-workers-timeout": PATIENCE}
        local = {"n_workers": 0, "dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL}
        with (
            dask.config.set(bounded),
            distributed.LocalCluster(**local) as empty,
            distributed.Client(empty) as client,
            LocalWorkers(empty.scheduler_address, workers) as processes,
        ):
            processes.wait_for_one(client)
            yield client
        return
    try:
        connected = distributed.Client(scheduler, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise UsageError(f"the scheduler {scheduler!r} does not answer: {error}") from error
    with connected as client:
        yield client


def on_cluster(
    client: Client, function: Callable[..., _Result], tasks: Iterable[tuple[object, ...]]
) -> Iterator[_Result]:
    """The results of a function for the arguments of each task, in their order; a few tasks for each worker are under
    way at once. A task whose worker dies is done again by another.

    Raises:
        BalerError: a task failed for a reason of ours, or its workers died again and again.
    """
    waiting: deque[Any] = deque()
    try:
        for task in tasks:
            waiting.append(client.submit(_outcome, function, *task, pure=False, retries=_RETRIES))
            if len(waiting) >= _AHEAD * max(1, len(client.scheduler_info()["workers"])):
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())
    finally:
        client.cancel(list(waiting))


def _outcome(function: Callable[..., _Result], *task: object) -> _Result | BalerError:
    """What a function gives, or the error of ours that it raises: to try that again would be of no use."""
    try:
        return function(*task)
    except BalerError as error:
        return error


def _result(future: Any) -> Any:  # noqa: ANN401  of Dask
    from distributed import CancelledError  # noqa: PLC0415
    from distributed.scheduler import KilledWorker, NoWorkerError  # noqa: PLC0415

    try:
        outcome = future.result()
    except (KilledWorker, NoWorkerError, CancelledError) as error:
        raise BalerError(
            f"the workers of a task died: {error}", way_out="Give them more memory, or use fewer workers"
        ) from error
    if isinstance(outcome, BalerError):
        raise outcome
    return outcome
