"""Real processes that write one output at the same time, or are killed at any moment: files are whole or not there,
and nothing is left behind. Few of each by default, the counts of a release with `-m full`.
"""

import os
import random
import signal
import socket
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest

import baler_vae
from tests.processes import Run, children_of, kill_all, wait_for

N_EVENTS = 66_000
COMPRESS = ["--model", "independent", "--no-progress"]
VERBS = ("compress", "decompress", "fit", "merge", "evaluate", "verify")


def counts(few, many):
    """A parameter that is small by default."""
    return pytest.mark.parametrize("count", [few, pytest.param(many, marks=pytest.mark.full)])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(autouse=True)
def _no_run_is_left():
    """Runs that a failed test left, perhaps stopped, would be waited for at the end."""
    yield
    kill_all()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a source of two row groups, and archives of it by the bits of their bound."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(8)
    np.savez(folder / "in.npz", x=rng.normal(size=N_EVENTS).astype(np.float32), i=rng.integers(0, 9, N_EVENTS))
    for bits in (6, 8, 10):
        baler_vae.compress(folder / "in.npz", folder / f"{bits}.bvae", kind="independent", bound=f"bits:{bits}")
    # The first process waits for the fork server to import all that is needed.
    run = Run(["verify", str(folder / "8.bvae"), "--no-progress"], folder / "log")
    assert run.end() == 0, run.said
    return folder


def compress(inputs, output, bits, *options):
    return ["compress", str(inputs / "in.npz"), "-o", str(output), "--bound", f"bits:{bits}", *COMPRESS, *options]


def test_a_second_run_is_told_who_runs(inputs, tmp_path):
    output = tmp_path / "a.bvae"
    output.write_bytes(b"of before")
    first = Run(compress(inputs, output, 8, "--force"), tmp_path / "log")
    wait_for((tmp_path / "a.bvae.part" / "archive").exists)
    os.kill(first.pid, signal.SIGSTOP)
    others = [compress(inputs, output, 8, *options) for options in (["--force"], ["--resume", "--force"])]
    others.append(["merge", str(inputs / "6.bvae"), "-o", str(output), "--force", "--no-progress"])
    for number, arguments in enumerate(others):
        second = Run(arguments, tmp_path / f"log{number}")
        assert second.end() == 8, second.said
        said = " ".join(second.said.split())
        assert f"is being written by another run (process {first.pid} on {socket.gethostname()}, since 20" in said
        assert output.read_bytes() == b"of before"
    os.kill(first.pid, signal.SIGCONT)
    assert first.end() == 0, first.said
    assert output.read_bytes() == (inputs / "8.bvae").read_bytes()
    assert [name for name in names(tmp_path) if not name.startswith("log")] == ["a.bvae"]


def test_an_interrupt_says_how_to_resume(inputs, tmp_path):
    output = tmp_path / "a.bvae"
    run = Run(compress(inputs, output, 8), tmp_path / "log")
    wait_for((tmp_path / "a.bvae.part" / "request.json").exists)  # nothing is fitted yet: there is time
    os.kill(run.pid, signal.SIGINT)
    assert run.end() == 130, run.said
    assert "interrupted; to continue, run the same command with --resume" in run.said
    assert names(tmp_path) == ["a.bvae.part", "log"]
    assert Run(compress(inputs, output, 8, "--resume"), tmp_path / "log").end() == 0
    assert output.read_bytes() == (inputs / "8.bvae").read_bytes()


@counts(2, 50)
def test_pairs_of_runs_to_one_output(inputs, tmp_path, count):
    """Whatever two runs do at the same time, killed or not: the output is always that of one of them, or the one from
    before as long as neither has replaced it.
    """
    whole = {bits: (inputs / f"{bits}.bvae").read_bytes() for bits in (6, 8, 10)}
    rng = random.Random(5)
    started = time.monotonic()
    assert Run(compress(inputs, tmp_path / "once.bvae", 8), tmp_path / "log").end() == 0
    length = time.monotonic() - started
    options = cycle([(["--force"], ["--force"]), (["--force"], ["--force", "--resume"]), (["--resume"], ["--force"])])
    seen = []
    for number, (of_first, of_second) in enumerate(islice(options, count)):
        folder = tmp_path / f"pair{number}"
        folder.mkdir()
        output, before = folder / "a.bvae", rng.random() < 0.5 or "--resume" not in of_first
        if before:
            output.write_bytes(whole[6])
        first = Run(compress(inputs, output, 8, *of_first), tmp_path / "log1")
        time.sleep(rng.random() * length)
        second = Run(compress(inputs, output, 10, *of_second), tmp_path / "log2")
        killed = rng.choice([None, first, second])
        kill_at = time.monotonic() + rng.random() * length
        while first.process.is_alive() or second.process.is_alive():
            if killed and time.monotonic() > kill_at:
                killed.process.kill()
            found = output.read_bytes() if before or output.exists() else whole[6]
            assert found in whole.values()
            time.sleep(0.005)
        ends = (first.end(), second.end())
        found = output.read_bytes() if before or output.exists() else None
        done = [whole[bits] for bits, end in zip((8, 10), ends, strict=True) if end == 0]
        assert set(ends) <= {0, 2, 8, -signal.SIGKILL}, (first.said, second.said)
        # On a busy machine the second may be there first; both are refused only where a resumed one has other options.
        assert {*ends} & {0, -signal.SIGKILL} or "--resume" in of_first, (first.said, second.said)
        if done:
            assert found in done or -signal.SIGKILL in ends  # killed right behind its last step
        assert found is None if not (before or done or -signal.SIGKILL in ends) else found in {*whole.values(), None}
        assert Run(compress(inputs, output, 8, "--force"), tmp_path / "log").end() == 0
        assert output.read_bytes() == whole[8]
        assert names(folder) == ["a.bvae"]
        seen.append(ends)
    print(f"{len(seen)} pairs: {sorted((ends, seen.count(ends)) for ends in set(seen))}")


def verb_arguments(verb, inputs, folder):
    """The command of a verb, what it takes to run it again after a kill, and its output."""
    archive, quiet = str(inputs / "8.bvae"), "--no-progress"
    source = str(inputs / "in.npz")
    return {
        "compress": (compress(inputs, folder / "a.bvae", 8), ["--resume"], "a.bvae"),
        "decompress": (["decompress", archive, "-o", str(folder / "a.csv"), quiet], ["--force"], "a.csv"),
        "fit": (["fit", source, "-o", str(folder / "a.bvmodel"), *COMPRESS], ["--force"], "a.bvmodel"),
        "merge": (["merge", archive, archive, "-o", str(folder / "a.bvae"), quiet], ["--force"], "a.bvae"),
        "evaluate": (["evaluate", source, archive, "-o", str(folder)], ["--force"], "evaluation.json"),
        "verify": (["verify", archive, "--against", source, quiet], [], None),
    }[verb]


@counts(4, 200)
def test_kills_of_every_verb(inputs, tmp_path, count):
    """Killed at any moment and run again, a verb writes the same bytes, and nothing else is left."""
    rng = random.Random(6)
    expected, length = {}, {}
    for verb in VERBS:
        folder = tmp_path / verb
        folder.mkdir()
        arguments, _, output = verb_arguments(verb, inputs, folder)
        started = time.monotonic()
        run = Run(arguments, tmp_path / "log")
        assert run.end() == 0, run.said
        length[verb] = time.monotonic() - started
        expected[verb] = (names(folder), (folder / output).read_bytes() if output else None)
    killed = dict.fromkeys(VERBS, 0)
    numbers = iter(range(10 * count))
    for verb in cycle(VERBS[:count]):
        if sum(killed.values()) >= count:
            break
        folder = tmp_path / f"kill{next(numbers)}"
        folder.mkdir()
        arguments, again, output = verb_arguments(verb, inputs, folder)

        def once_more(verb=verb, arguments=arguments, again=again, folder=folder):
            options = again if names(folder) else []
            if (
                verb == "compress"
                and (folder / "a.bvae").exists()
                and not (folder / "a.bvae.part/finished.json").exists()
            ):
                options = ["--force", "--resume"]  # a run was killed behind its last step, or one with --force
            return Run([*arguments, *options], tmp_path / "log")

        for _ in range(rng.choice([1, 1, 2])):
            run = once_more()
            end = run.kill_after(rng.random() * 1.05 * length[verb])
            assert end in {0, -signal.SIGKILL}, run.said
            killed[verb] += end != 0
            if output and (folder / output).exists():
                assert (folder / output).read_bytes() == expected[verb][1]
        run = once_more()
        assert run.end() == 0, run.said
        assert names(folder) == expected[verb][0]
        if output:
            assert (folder / output).read_bytes() == expected[verb][1]
    print(f"{sum(killed.values())} runs killed: {killed}")


@counts(1, 30)
def test_kills_of_workers_from_their_start_on(inputs, tmp_path, count):
    """One worker, or both, killed at any time from its start on, are replaced: no run hangs."""
    pytest.importorskip("distributed", reason="Dask is not installed")
    expected = (inputs / "8.bvae").read_bytes()
    rng = random.Random(7)
    n_killed = 0
    for number in range(count):
        output = tmp_path / f"{number}.bvae"
        run = Run(compress(inputs, output, 8, "--workers", "2"), tmp_path / "log")
        wait_for(lambda run=run: children_of(run.pid, b"baler_vae.scale.worker"))
        time.sleep(rng.random() * 2.5)
        for pid in rng.sample(
            workers := children_of(run.pid, b"baler_vae.scale.worker"), min(len(workers), 1 + number % 2)
        ):
            os.kill(pid, signal.SIGKILL)
            n_killed += 1
        assert run.end() == 0, run.said
        assert output.read_bytes() == expected
    print(f"{n_killed} workers killed in {count} runs")


def test_no_worker_outlives_a_killed_run(inputs, tmp_path):
    pytest.importorskip("distributed", reason="Dask is not installed")
    run = Run(compress(inputs, tmp_path / "a.bvae", 8, "--workers", "2"), tmp_path / "log")
    wait_for(lambda: len(children_of(run.pid, b"baler_vae.scale.worker")) == 2)
    workers = children_of(run.pid, b"baler_vae.scale.worker")
    assert run.kill_after(0.3) in {0, -signal.SIGKILL}
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
