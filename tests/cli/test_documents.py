"""Runs all code blocks on the pages about the command line, bulk runs and privacy, in page order."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import haut_api
from tests.cli.conftest import HAUT, Shell
from tests.test_documentation import EXAMPLE_CODES, SHELL_PAGES

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(SHELL_PAGES))
def test_code_blocks_of_page_run(page: str, shell: Shell) -> None:
    for side, suffix in (("front", "jpg"), ("right", "png"), ("left", "webp")):
        photo = ROOT / "examples" / "photos" / f"portrait.{suffix}"
        shutil.copy(photo, shell.folder / f"{side}.{suffix}")
    (shell.folder / "photos" / "customer-4711").mkdir(parents=True)
    shutil.copy(shell.folder / "front.jpg", shell.folder / "photos" / "customer-4711")
    (shell.folder / "manifest.csv").write_text(
        "subject,front,right\ncustomer-4711,front.jpg,right.png\ncustomer-4712,front.jpg,\n"
    )
    (shell.folder / "swagger.json").write_text(json.dumps(haut_api.spec()))
    subjects = shell.sandbox.add_subjects(3, prefix="other")
    (shell.folder / "list.txt").write_text("".join(f"{subject.id}\n" for subject in subjects))
    if page in ("access-request.md", "erase-a-list.md", "erasure.md", "erasure-receipt.md"):
        with shell.sandbox.database.lock:
            for number in range(4711, 4716):
                shell.sandbox.database.create_subject(f"customer-{number}")

    blocks = FENCE.findall((ROOT / "docs" / page).read_text("utf-8"))
    assert {language for language, _ in blocks} <= {"sh", "python"}
    tools = f"{Path(HAUT).parent}:{shell.environment['PATH']}"
    for language, code in blocks:
        if code in EXAMPLE_CODES:  # test_documentation.py runs the examples
            continue
        (shell.folder / "block.py").write_text(code)
        # bash replaces itself with the last command, but `haut` inspects the shell that started it.
        # The added `true` keeps bash running.
        script = ["bash", "-euc", f"{code}\ntrue"]
        command = script if language == "sh" else [sys.executable, "block.py"]
        done = subprocess.run(
            command,
            cwd=shell.folder,
            env={**shell.environment, "PATH": tools, "HOME": str(shell.folder)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, (code, done.stdout, done.stderr)


def test_page_contains_all_commands_and_exit_codes() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text("utf-8")
    out = subprocess.run([HAUT, "--help"], capture_output=True, text=True, check=True).stdout
    commands = re.findall(r"^  (\w+)  ", out.split("Commands:")[1].split("Exit codes")[0], re.M)
    assert len(commands) == 12
    for command in commands:
        assert re.search(rf"\bhaut (--profile \w+ )?{command}\b", page)
    for code, meaning in re.findall(r"^    (\d+) +(.*)$", out, re.M):
        assert f"| {code} | {meaning.split('(')[0].strip().split(';')[0]}" in page
