"""The pages keep their word: every code block runs, and the README's errors table is complete."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import haut_ext
from haut_ext.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PHOTOS = ROOT / "examples" / "photos"
ELSEWHERE = {"bulk.md", "command-line.md", "erasure.md"}  # as a whole, by tests/cli/test_documents
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in ELSEWHERE),
]


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return language and content of each code block of a page."""
    text = page.read_text("utf-8")
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


PYTHON = [
    pytest.param(code, id=f"{page.name}-{number}")
    for page in PAGES
    for number, (language, code) in enumerate(blocks(page))
    if language == "python"
]


def environment(sandbox: Sandbox) -> dict[str, str]:
    values = {**sandbox.credentials, **sandbox.login_credentials}
    return {f"HAUT_{name.upper()}": str(value) for name, value in values.items()}


@pytest.mark.slow
@pytest.mark.parametrize("code", PYTHON)
def test_python_block(code: str, tmp_path: Path) -> None:
    for side, suffix in (("front", "jpg"), ("right", "png"), ("left", "webp")):
        shutil.copy(PHOTOS / f"portrait.{suffix}", tmp_path / f"{side}.{suffix}")
    with Sandbox() as sandbox:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            cwd=tmp_path,
            env=environment(sandbox),
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_two_commands_are_the_only_others() -> None:
    others = [code for language, code in blocks(ROOT / "README.md") if language != "python"]
    commands = [line.partition("#")[0].strip() for line in "".join(others).splitlines()]
    assert commands == ["make demo", "make test"]  # the first runs below, the second runs this


@pytest.mark.slow
def test_make_demo(tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin"},
    )
    assert done.returncode == 0, done.stderr
    for step in (
        "created subject",
        "uploaded left",
        "analysed",
        "SHA-256 equal",
        "verified: yes",
        "acne_score",
    ):
        assert step in done.stdout
    assert "HAUT_TOKEN" in done.stdout.splitlines()[-2]


@pytest.mark.slow
def test_make_demo_runs_against_what_the_environment_names() -> None:
    with Sandbox() as sandbox:
        done = subprocess.run(
            [sys.executable, str(ROOT / "examples" / "demo.py")],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment(sandbox),
        )
        assert done.returncode == 0, done.stderr
        assert f"the real service at {sandbox.credentials['base_url']}" in done.stdout
        assert sandbox.carried_out("compute_batch") == 1
        assert sandbox.snapshot()["subjects"] == []


@pytest.mark.slow
def test_a_demo_that_is_half_configured_says_what_is_missing() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo.py")],
        capture_output=True,
        text=True,
        timeout=60,
        env={"HAUT_TOKEN": "t"},
    )
    assert done.returncode != 0
    assert "HAUT_COMPANY_ID" in done.stderr
    assert "Traceback" not in done.stderr


def test_errors_table_is_complete() -> None:
    table = set(re.findall(r"^\| `(\w+)`", README, re.MULTILINE))
    errors = {
        name
        for name in haut_ext.__all__
        if isinstance(kind := getattr(haut_ext, name), type)
        and issubclass(kind, haut_ext.HautError)
        and kind is not haut_ext.HautError
    }
    assert table == errors
