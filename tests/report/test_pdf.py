import os
import time
from pathlib import Path

import pytest

from baler_vae.errors import MissingExtra, OutputError
from baler_vae.report.pdf import browser_path, print_page


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("<!doctype html><title>t</title><p>text", "utf-8")
    return path


def program(tmp_path, monkeypatch, script):
    """The only program on PATH is called chromium, and does what the script says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    path = folder / "chromium"
    path.write_text(f"#!/bin/sh\nPATH={os.environ['PATH']}\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_without_a_browser_the_way_out_is_told(page, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        MissingExtra, match=r"chromium, chromium-browser, google-chrome on PATH.*print it there"
    ) as caught:
        print_page(page, tmp_path / "a.pdf")
    assert caught.value.exit_status == 6
    assert not (tmp_path / "a.pdf").exists()


def test_other_names_of_the_browser_are_known(tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, "exit 0")
    (tmp_path / "bin" / "chromium").rename(tmp_path / "bin" / "google-chrome")
    assert browser_path().endswith("google-chrome")


def test_a_browser_that_fails_is_quoted(page, tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, "echo first >&2; echo no display >&2; exit 3")
    with pytest.raises(OutputError, match="chromium ended with status 3: no display"):
        print_page(page, tmp_path / "a.pdf")
    assert not (tmp_path / "a.pdf").exists()


def test_a_browser_that_hangs_is_ended_with_all_that_it_started(page, tmp_path, monkeypatch):
    child = tmp_path / "child"
    program(tmp_path, monkeypatch, f"sleep 300 & echo $! > {child}; wait")
    with pytest.raises(OutputError, match=r"took longer than 1 s"):
        print_page(page, tmp_path / "a.pdf", seconds=1)
    last = time.monotonic() + 20
    while time.monotonic() < last and is_running(int(child.read_text())):
        time.sleep(0.05)
    assert not is_running(int(child.read_text()))
    assert {path.name for path in tmp_path.iterdir()} == {"bin", "child", "report.html"}


def is_running(number):
    """Whether a process runs; one that ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_nothing_is_overwritten_unasked(page, tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, 'for a; do case $a in --print-to-pdf=*) printf "%%PDF-1.4" > "${a#*=}";; esac; done')
    pdf = tmp_path / "a.pdf"
    pdf.write_bytes(b"other")
    with pytest.raises(OutputError, match="exists already"):
        print_page(page, pdf)
    print_page(page, pdf, force=True)
    assert pdf.read_bytes() == b"%PDF-1.4"
