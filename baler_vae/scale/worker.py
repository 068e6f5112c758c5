"""One local worker: a process that works for a scheduler until that, or the process that started it, ends."""

import asyncio
import contextlib
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any


async def _work(address: str, name: str, memory: float, folder: Path) -> None:
    from distributed import Worker  # noqa: PLC0415  an extra

    options: dict[str, Any] = {"name": name, "nthreads": 1, "memory_limit": memory, "local_directory": str(folder)}
    async with Worker(address, dashboard=False, **options) as worker:
        await worker.finished()


def _end_with_parent(folder: Path) -> None:
    """Ends this process when its standard input is closed: the process that started it ended, however that was, and can
    no longer remove the folder of its workers.
    """
    # Without the buffers of `sys.stdin`: a thread that waits in those keeps Python from ending in order.
    while os.read(0, 1):
        continue
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # the last worker removes it
        folder.parent.rmdir()
    os._exit(1)  # at once: what this process still holds is of no use to anybody


def main() -> None:
    """Works for the scheduler at an address, under a name, with this much memory in bytes, in a folder."""
    address, name, memory, folder = sys.argv[1:]
    own = Path(folder, name)
    threading.Thread(target=_end_with_parent, args=(own,), daemon=True).start()
    asyncio.run(_work(address, name, float(memory), own))


if __name__ == "__main__":
    main()
