"""One local worker: a process that works for a scheduler until that, or whoever started it, is gone."""

import asyncio
import os
import sys
import threading
from typing import Any


async def _work(address: str, name: str, memory: float, folder: str) -> None:
    from distributed import Worker  # noqa: PLC0415  an extra

    options: dict[str, Any] = {"name": name, "nthreads": 1, "memory_limit": memory, "local_directory": folder}
    async with Worker(address, dashboard=False, **options) as worker:
        await worker.finished()


def _end_with_parent() -> None:
    """Ends this process when its standard input is closed: the process that started it ended, however that was."""
    # Without the buffers of `sys.stdin`: a thread that waits in those keeps Python from ending in order.
    while os.read(0, 1):
        continue
    os._exit(1)  # at once: what this process still holds is of no use to anybody


def main() -> None:
    """Works for the scheduler at an address."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    address, name, memory, folder = sys.argv[1:]
    asyncio.run(_work(address, name, float(memory), folder))


if __name__ == "__main__":
    main()
