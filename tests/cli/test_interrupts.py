"""Tests that the first Ctrl-C or SIGTERM stops a run after the current rows, and the second at once."""

from __future__ import annotations

import itertools
import resource
import shlex
import signal
import subprocess
import threading

import pytest

from haut_ext import Haut
from haut_ext.sandbox import Request
from tests.bulk.service_state import delete_leftovers, service_state
from tests.cli.conftest import Shell

ROWS = 40
COMMAND = ("bulk", "upload", "m.csv", "--journal", "j")


def write_manifest(shell: Shell) -> None:
    rows = "".join(f"person {number},front.jpg\n" for number in range(ROWS))
    (shell.folder / "m.csv").write_text("subject,front\n" + rows)


def complete_with_another_run(shell: Shell) -> None:
    shell.sandbox.before_request = None
    out, _ = shell.run(*COMMAND, "--compute-again")
    assert "skipped" in out
    assert shell.sandbox.carried_out("compute_batch") == ROWS
    with Haut(**shell.sandbox.credentials) as haut:
        delete_leftovers(haut, shell.folder / "j")
    assert [len(subject["batches"]) for subject in service_state(shell.sandbox)] == [1] * ROWS
    for subject in service_state(shell.sandbox):
        assert [len(batch["images"]) for batch in subject["batches"]] == [1]


class Interrupter:
    """Sends a signal to a process, which can be started after this object was created."""

    def __init__(self, number: signal.Signals = signal.SIGINT) -> None:
        self._number = number
        self._process: subprocess.Popen[str] | None = None
        self._started = threading.Event()
        self.ended = threading.Event()

    def watch(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._started.set()

    def interrupt(self) -> subprocess.Popen[str]:
        self._started.wait()
        assert self._process is not None
        self._process.send_signal(self._number)
        return self._process


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_interrupt_finishes_the_rows_in_progress(
    shell: Shell, number: signal.Signals
) -> None:
    write_manifest(shell)
    interrupter = Interrupter(number)
    computed = itertools.count(1)

    def on_request(request: Request) -> None:
        if request.operation == "compute_batch" and next(computed) == 10:
            interrupter.interrupt()

    shell.sandbox.before_request = on_request
    with shell.start(*COMMAND) as process:
        interrupter.watch(process)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Finishing the rows in progress" in err
    assert "Run the same command again to continue" in err
    done = shell.sandbox.carried_out("compute_batch")
    assert 10 <= done < ROWS
    # The interrupt left no row incomplete: each image has a file, and each batch was computed.
    batches = [batch for subject in service_state(shell.sandbox) for batch in subject["batches"]]
    assert [batch["computes"] for batch in batches] == [1] * done
    assert all(image["sha256"] for batch in batches for image in batch["images"])
    complete_with_another_run(shell)


@pytest.mark.slow
def test_second_interrupt_ends_the_process_at_once(shell: Shell) -> None:
    write_manifest(shell)
    interrupter = Interrupter()
    requests = itertools.count(1)
    printed: list[str] = []

    def on_request(request: Request) -> None:
        """Interrupt the command at its 90th request; block this and later requests until it ends."""
        number = next(requests)
        if number == 90:
            process = interrupter.interrupt()
            assert process.stderr is not None
            printed.append(process.stderr.readline())
            interrupter.interrupt()
        if number >= 90:
            interrupter.ended.wait()

    shell.sandbox.before_request = on_request
    with shell.start(*COMMAND) as process:
        interrupter.watch(process)
        assert process.wait(60) == 130
        interrupter.ended.set()
        assert process.stderr is not None
        printed.append(process.stderr.read())
    assert "Finishing the rows in progress" in printed[0]
    assert "Stopped at once. Run the same command again to continue" in printed[1]
    complete_with_another_run(shell)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_upload_prints_how_to_continue(shell: Shell, number: signal.Signals) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    interrupter = Interrupter(number)

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
    assert "Continue with: haut upload" in err
    shell.sandbox.before_request = None
    state = f"haut-upload-{subject.id}.json"
    shell.run("upload", subject.id, "--resume", state, "--front", "front.jpg")
    assert shell.sandbox.carried_out("compute_batch") == 1
    [state_of_subject] = service_state(shell.sandbox)
    assert [len(batch["images"]) for batch in state_of_subject["batches"]] == [1]


@pytest.mark.parametrize("command", ["upload", "erase"])
def test_command_that_fills_the_disk_says_how_to_continue(shell: Shell, command: str) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.add_images(subject, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_disk(request: Request) -> None:
        if request.operation in ("upload_image", "delete_image"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))

    shell.sandbox.before_request = fill_disk
    options = {"upload": ("--front", "front.jpg"), "erase": ("--yes",)}
    try:
        _, err = shell.run(command, subject.id, *options[command], code=4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        shell.sandbox.before_request = None
    assert "haut: [Errno 27] File too large" in err
    [advice] = [line for line in err.splitlines() if "ontinue with: haut " in line]
    continued = shlex.split(advice.partition("haut ")[2].replace("...", "front.jpg"))
    shell.run(*continued, *options[command][:1] if command == "erase" else ())
    snapshot = shell.sandbox.snapshot()
    assert len(snapshot["subjects"]) == (command == "upload")
    assert shell.sandbox.carried_out("compute_batch") == (command == "upload")
