"""Local workers: replaced when they die, and an error in time where there are none."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from baler_vae.errors import BalerError, UsageError
from baler_vae.scale import local_workers
from baler_vae.scale.cluster import cluster, on_cluster
from tests.processes import children_of, wait_for

pytest.importorskip("distributed", reason="Dask is not installed")


def pids_of_workers():
    return set(children_of(os.getpid(), b"baler_vae.scale.worker"))


def test_all_workers_are_replaced_and_none_is_left():
    with cluster(workers=2) as client:
        first = pids_of_workers()
        assert len(first) == 2
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        assert list(on_cluster(client, pow, [(2, n) for n in range(20)])) == [2**n for n in range(20)]
        wait_for(lambda: len(pids_of_workers() - first) == 2)
    assert not pids_of_workers()


def test_errors_of_ours_come_through():
    with cluster(workers=1) as client, pytest.raises(UsageError, match="of a worker"):
        list(on_cluster(client, _refuse, [(1,)]))


def _refuse(_):
    raise UsageError("of a worker")


def test_workers_that_cannot_start_are_reported(tmp_path, monkeypatch):
    (tmp_path / "distributed.py").write_text("raise RuntimeError('no workers here')\n")
    monkeypatch.syspath_prepend(tmp_path)
    words = r"no worker process could be started \(the last one ended: exit status 1: RuntimeError: no workers here\)"
    with pytest.raises(BalerError, match=words), cluster(workers=1):
        pytest.fail("a worker was started")
    assert not pids_of_workers()


def test_workers_that_start_too_slowly_are_reported(monkeypatch):
    monkeypatch.setattr(local_workers, "PATIENCE", 0.0)
    with pytest.raises(BalerError, match="no worker process could be started"), cluster(workers=1):
        pytest.fail("a worker was started in no time")
    assert not pids_of_workers()


def test_tasks_that_no_worker_takes_fail_in_time(monkeypatch):
    """All workers are gone for good: there are no processes to be had any more."""
    monkeypatch.setattr("baler_vae.scale.cluster.PATIENCE", 1.0)
    with cluster(workers=1) as client:
        (pid,) = pids_of_workers()

        def refuse(*_arguments, **_options):
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

        monkeypatch.setattr(local_workers.subprocess, "Popen", refuse)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not client.scheduler_info()["workers"])
        with pytest.raises(BalerError, match=r"the workers of a task died.*fewer workers"):
            list(on_cluster(client, pow, [(2, 3)]))


def test_a_worker_ends_with_who_started_it(tmp_path):
    """Also one that never reached its scheduler."""
    command = [
        sys.executable,
        "-m",
        "baler_vae.scale.worker",
        "tcp://127.0.0.1:9",
        "lonely",
        "1e9",
        str(tmp_path / "of run"),
    ]
    (tmp_path / "of run" / "lonely").mkdir(parents=True)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    process.stdin.close()
    assert process.wait(timeout=60) == 1
    assert list(tmp_path.iterdir()) == []
