"""Row groups on all cores, in their order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from threadpoolctl import threadpool_limits

from baler_vae.errors import BalerError

WORKERS = min(4, os.cpu_count() or 1)

_alone: ContextVar[bool] = ContextVar("_alone", default=False)

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@contextmanager
def one_thread() -> Iterator[None]:
    """A context in which row groups are taken one after the other: a worker among others has one core."""
    token = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(token)


def in_parallel(function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """The results of a function, in the order of the items; one more item is taken ahead than there are workers, so
    that none of them waits for the next.

    Meanwhile matrix products use one thread each: libraries' own threads would wait for each other by spinning.
    """
    if _alone.get():
        with threadpool_limits(1, "blas"):
            yield from map(function, items)
        return
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(WORKERS) as pool:
        waiting: deque[Future[_Result]] = deque()
        try:
            for item in items:
                waiting.append(_submitted(pool, function, item))
                if len(waiting) > WORKERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _submitted(pool: ThreadPoolExecutor, function: Callable[[_Item], _Result], item: _Item) -> "Future[_Result]":
    try:
        return pool.submit(function, item)
    except RuntimeError as error:  # of a thread that cannot be started
        raise BalerError(
            f"the system allows no more threads ({error})", way_out="Raise the memory or thread limit of this process"
        ) from error
