"""Tests that after os.fork, each process opens its own connections."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from haut_ext.sandbox import Sandbox
from tests.support.client_runner import Kind

ROUNDS = 20
CALLS = 5

# This program runs in a separate process, because forking a process with threads is unsafe.
PROGRAM = """
import asyncio, json, os, sys

from haut_ext import AsyncHaut, Haut

kind, credentials, subjects, rounds, calls = json.loads(sys.argv[1])

if kind == "sync":
    haut = Haut(**credentials)
    get = lambda subject: [page.id for page in [haut.subjects.list(q=subject)] for page in page.items]
    run = lambda function, *arguments: function(*arguments)
else:
    haut = AsyncHaut(**credentials)

    async def find(subject):
        return [found.id for found in (await haut.subjects.list(q=subject)).items]

    runners = [asyncio.Runner()]
    get = lambda subject: runners[-1].run(find(subject))

wrong = 0
for number in range(rounds):
    get(subjects[0]["name"])  # opens a connection that stays open
    children = []
    for subject in subjects:
        child = os.fork()
        if child == 0:
            if kind == "async":
                runners.append(asyncio.Runner())  # an event loop cannot be used after a fork
            status = 2
            try:
                found = [get(subject["name"]) for _ in range(calls)]
                expected = [[subject["id"]]] * calls
                status = 0 if [[str(it) for it in page] for page in found] == expected else 1
            except BaseException as error:
                print(repr(error)[:300], file=sys.stderr)
            finally:
                sys.stderr.flush()
                os._exit(status)
        children.append(child)
    wrong += sum(os.waitpid(child, 0)[1] != 0 for child in children)
    get(subjects[1]["name"])  # the client of the parent process still works
if kind == "sync":
    haut.close()
else:
    runners[0].run(haut.aclose())
    runners[0].close()
print(wrong)
"""


@pytest.mark.slow
def test_forked_processes_receive_their_own_responses(
    kind: Kind, sandbox: Sandbox, tmp_path: Path
) -> None:
    subjects = [{"name": found.name, "id": found.id} for found in sandbox.add_subjects(2)]
    sandbox.latency = 0.002  # makes requests of the child processes overlap
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    argument = json.dumps([kind, sandbox.credentials, subjects, ROUNDS, CALLS])
    finished = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", program, argument],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.stderr == ""
    assert finished.stdout.strip() == "0"  # the program prints the number of failed child processes
