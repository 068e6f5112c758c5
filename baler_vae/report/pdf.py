"""A page printed to PDF by an installed Chromium."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from baler_vae.errors import MissingProgram, OutputError
from baler_vae.output import replacing
from baler_vae.paths import temporary_folder

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LONGEST_SECONDS = 120.0


def browser_path() -> str:
    """The path of the first of `BROWSERS` that is on PATH.

    Raises:
        MissingProgram: none is.
    """
    found = next((path for name in BROWSERS if (path := shutil.which(name)) is not None), None)
    if found is None:
        raise MissingProgram(
            "printing a page",
            f"Chromium ({', '.join(BROWSERS)} on PATH)",
            "Install it (apt install chromium), or open the page in any browser and print it there",
        )
    return found


def print_page(page: str | Path, pdf: str | Path, *, force: bool = False, seconds: float = LONGEST_SECONDS) -> None:
    """Prints a page, a file of HTML, to a file of PDF.

    Raises:
        MissingProgram: no Chromium is on PATH.
        OutputError: the file exists and `force` is false, it cannot be written, or Chromium failed or took longer than
            `seconds`.
    """
    browser = browser_path()
    with replacing(pdf, force=force) as part, temporary_folder(ignore_cleanup_errors=True) as profile:
        command = [
            browser,
            "--headless",
            *(["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []),  # it refuses to run as root
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-pdf-header-footer",
            f"--user-data-dir={profile}",
            f"--print-to-pdf={part.absolute()}",
            Path(page).absolute().as_uri(),
        ]
        said = _run(command, seconds, Path(pdf))
        if not part.read_bytes().startswith(b"%PDF-"):
            raise OutputError(f"could not be printed: {said}", path=pdf, way_out="Print the page in a browser")


def _run(command: list[str], seconds: float, pdf: Path) -> str:
    """The last line that a program said; it and all that it started are ended after so many seconds."""
    process = subprocess.Popen(  # noqa: S603  a browser found on PATH, its arguments made here
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        _, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise OutputError(
            f"could not be printed: {Path(command[0]).name} took longer than {seconds:g} s", path=pdf
        ) from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    lines = errors.decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else "no output"
    return f"{Path(command[0]).name} ended with status {process.returncode}: {last}"
