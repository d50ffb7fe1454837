"""Ctrl-C once finishes what is in flight; twice stops at once; the journal is right either way.

The signals are real, and sent from within the sandbox when so many requests have arrived.
"""

from __future__ import annotations

import itertools
import signal
import subprocess
import threading

import pytest

from haut_ext.sandbox import Request
from tests.bulk.holdings import holdings
from tests.cli.conftest import Shell

ROWS = 40
COMMAND = ("bulk", "upload", "m.csv", "--journal", "j")


def write_manifest(shell: Shell) -> None:
    rows = "".join(f"person {number},front.jpg\n" for number in range(ROWS))
    (shell.folder / "m.csv").write_text("subject,front\n" + rows)


def finished_by_another_run(shell: Shell) -> None:
    shell.sandbox.before_request = None
    out, _ = shell.run(*COMMAND, "--compute-again")
    assert "skipped" in out
    assert shell.sandbox.carried_out("compute_batch") == ROWS
    assert [len(subject["batches"]) for subject in holdings(shell.sandbox)] == [1] * ROWS
    for subject in holdings(shell.sandbox):
        assert [len(batch["images"]) for batch in subject["batches"]] == [1]


class Interrupter:
    """Sends Ctrl-C to a process that a sandbox serves, which may be started after the sandbox's hook."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._started = threading.Event()
        self.ended = threading.Event()

    def watch(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._started.set()

    def interrupt(self) -> subprocess.Popen[str]:
        self._started.wait()
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process


@pytest.mark.slow
def test_once(shell: Shell) -> None:
    write_manifest(shell)
    interrupter = Interrupter()
    computed = itertools.count(1)

    def on_request(request: Request) -> None:
        if request.operation == "compute_batch" and next(computed) == 10:
            interrupter.interrupt()

    shell.sandbox.before_request = on_request
    with shell.start(*COMMAND) as process:
        interrupter.watch(process)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Finishing what is in flight" in err
    assert "The same command goes on from here" in err
    done = shell.sandbox.carried_out("compute_batch")
    assert 10 <= done < ROWS
    # Nothing is left half-way: every image has its file, every batch its computation.
    batches = [batch for subject in holdings(shell.sandbox) for batch in subject["batches"]]
    assert [batch["computes"] for batch in batches] == [1] * done
    assert all(image["sha256"] for batch in batches for image in batch["images"])
    finished_by_another_run(shell)


@pytest.mark.slow
def test_twice(shell: Shell) -> None:
    write_manifest(shell)
    interrupter = Interrupter()
    requests = itertools.count(1)
    heard: list[str] = []

    def on_request(request: Request) -> None:
        """Interrupt at the 90th request, and hold it and all that follow until the end."""
        number = next(requests)
        if number == 90:
            process = interrupter.interrupt()
            assert process.stderr is not None
            heard.append(process.stderr.readline())
            interrupter.interrupt()
        if number >= 90:
            interrupter.ended.wait()

    shell.sandbox.before_request = on_request
    with shell.start(*COMMAND) as process:
        interrupter.watch(process)
        assert process.wait(60) == 130
        interrupter.ended.set()
        assert process.stderr is not None
        heard.append(process.stderr.read())
    assert "Finishing what is in flight" in heard[0]
    assert "Stopped at once. The same command goes on from here" in heard[1]
    finished_by_another_run(shell)


@pytest.mark.slow
def test_an_upload_interrupted_says_how_to_go_on(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    interrupter = Interrupter()

    def on_request(request: Request) -> None:
        if request.operation == "upload_image":
            interrupter.interrupt()
            interrupter.ended.wait()

    shell.sandbox.before_request = on_request
    with shell.start("upload", subject.id, "--front", "front.jpg") as process:
        interrupter.watch(process)
        _, err = process.communicate(timeout=60)
        interrupter.ended.set()
    assert process.returncode == 130
    assert "Go on with: haut upload" in err
    shell.sandbox.before_request = None
    state = f"haut-upload-{subject.id}.json"
    shell.run("upload", subject.id, "--resume", state, "--front", "front.jpg")
    assert shell.sandbox.carried_out("compute_batch") == 1
    [held] = holdings(shell.sandbox)
    assert [len(batch["images"]) for batch in held["batches"]] == [1]
