"""Tests that the code blocks in the documentation run, and that its tables match the code."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import haut_api.models
import haut_ext.bulk
import haut_ext.sandbox
import haut_ext.spec_check
from haut_ext import Haut
from haut_ext._http.retry_policy import INITIAL_BACKOFF, MAX_BACKOFF
from haut_ext.sandbox import Sandbox
from haut_ext.settings import Options
from scripts import unasync

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PHOTOS = ROOT / "examples" / "photos"
SHELL_PAGES = {
    "access-request.md",
    "bulk.md",
    "command-line.md",
    "erase-a-list.md",
    "erasure.md",
    "erasure-receipt.md",
}
"""Pages whose code blocks depend on each other, so tests/cli/test_documents.py runs the whole page."""
TEST_PAGE = ROOT / "docs" / "test-your-application.md"
"""Page whose code blocks are the files of a test suite, which one test runs."""
APPLICATION_PAGE = ROOT / "docs" / "in-your-application.md"
"""Page whose code blocks are the examples that tests/test_frameworks.py runs."""
TUTORIAL = ROOT / "docs" / "tutorial.md"
"""Page whose code blocks form one program, which one test runs."""
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in SHELL_PAGES),
]


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the language and the content of each code block in a page."""
    text = page.read_text("utf-8")
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


EXAMPLES = sorted((ROOT / "examples").glob("*synchronous/*.py"))


def example_code(path: Path) -> str:
    """Return the code of an example, without the first line of a derived file."""
    return path.read_text("utf-8").removeprefix(
        unasync.HEADER.format(source=f"examples/asynchronous/{path.name}")
    )


EXAMPLE_CODES = {example_code(path): path for path in EXAMPLES}
"""Examples, by the code blocks of pages that contain them."""

PYTHON = [
    pytest.param(code, id=f"{page.name}-{number}")
    for page in PAGES
    for number, (language, code) in enumerate(blocks(page))
    if language == "python"
    if page not in (TEST_PAGE, APPLICATION_PAGE, TUTORIAL) and code not in EXAMPLE_CODES
]


def environment(sandbox: Sandbox) -> dict[str, str]:
    values = {**sandbox.credentials, **sandbox.login_credentials}
    return {f"HAUT_{name.upper()}": str(value) for name, value in values.items()}


def copy_photos(folder: Path) -> None:
    for side, suffix in (("front", "jpg"), ("right", "png"), ("left", "webp")):
        shutil.copy(PHOTOS / f"portrait.{suffix}", folder / f"{side}.{suffix}")


WITHOUT_SLEEPING = """
import time
slept, monotonic = 0.0, time.monotonic
def sleep(seconds):
    global slept
    slept += seconds
time.sleep, time.monotonic = sleep, lambda: monotonic() + slept
"""
"""Code that runs before each block and makes `time.sleep` advance the clock and return at once."""


@pytest.mark.slow
@pytest.mark.parametrize("code", PYTHON)
def test_python_block(code: str, tmp_path: Path) -> None:
    copy_photos(tmp_path)
    with Sandbox() as sandbox:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", WITHOUT_SLEEPING + code],
            cwd=tmp_path,
            env=environment(sandbox),
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_example(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_photos(tmp_path)
    (tmp_path / "manifest.csv").write_text("subject,front\ncustomer-4713,front.jpg\n")
    monkeypatch.chdir(tmp_path)
    with Sandbox(seed=1, analysis_reads=0) as sandbox:
        for name, value in environment(sandbox).items():
            monkeypatch.setenv(name, value)
        with sandbox.database.lock:
            for name in ("customer-4711", "customer-4712"):
                sandbox.database.create_subject(name)
        runpy.run_path(str(path))


def test_pages_contain_the_examples() -> None:
    pages = (ROOT / "docs").glob("*.md")
    shown = {code for page in pages for language, code in blocks(page) if language == "python"}
    assert EXAMPLE_CODES.keys() <= shown


@pytest.mark.slow
def test_page_about_tests_is_a_test_suite_that_passes(tmp_path: Path) -> None:
    for _, code in blocks(TEST_PAGE):
        (tmp_path / code.split()[1]).write_text(code, "utf-8")  # the first line is `# name.py`
    shutil.copy(PHOTOS / "portrait.jpg", tmp_path / "front.jpg")
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"]

    def run_tests(*options: str) -> None:
        done = subprocess.run(
            [*command, *options],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout

    with Sandbox() as sandbox:
        variables = environment(sandbox)
        run_tests("--record-mode=once")
    run_tests("--block-network", "test_with_recording.py", "test_with_vcrpy.py")
    cassettes = [path.read_text("utf-8") for path in tmp_path.rglob("*.yaml")]
    assert len(cassettes) == 4
    assert not any(variables["HAUT_TOKEN"] in cassette for cassette in cassettes)


@pytest.mark.slow
def test_tutorial_is_one_session_with_the_stated_outputs(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    found = blocks(TUTORIAL)
    assert {language for language, _ in found} == {"python", "text"}
    code = "".join(code for language, code in found if language == "python")
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, env={})
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(output for language, output in found if language == "text")


def test_reference_contains_all_public_names() -> None:
    pages = [
        page.read_text("utf-8") for page in sorted((ROOT / "docs" / "reference").glob("*.rst"))
    ]
    documented = re.findall(
        r"^(?:\.\. auto\w+:: |   )((?:haut_ext|haut_api)[\w.]*)$", "".join(pages), re.M
    )
    packages = (haut_ext, haut_ext.bulk, haut_ext.sandbox, haut_ext.spec_check, haut_api)
    public = {
        f"{package.__name__}.{name}"
        for package in packages
        for name in package.__all__
        if name != "__version__" and name not in haut_api.models.__all__
    }
    assert public <= set(documented), sorted(public.difference(documented))
    assert len(documented) == len(set(documented))


def test_readme_has_no_other_commands() -> None:
    others = [code for language, code in blocks(ROOT / "README.md") if language != "python"]
    # `pip install` is tested by tests/test_packaging.py, and `make demo` by another test in this file.
    assert "".join(others).splitlines() == ["pip install .", "make demo", "make test"]


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 120


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
        "Created subject",
        "Uploaded left",
        "Analyzed left",
        "identical to the upload",
        "yes, every check was made",
        "acne_score",
    ):
        assert step in done.stdout
    assert "HAUT_TOKEN" in done.stdout.splitlines()[-1]


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
def test_the_example_draws_results(tmp_path: Path) -> None:
    picture = tmp_path / "results.png"
    command = [sys.executable, str(ROOT / "examples" / "plot_results.py"), str(picture)]
    environment = {"MPLBACKEND": "agg", "MPLCONFIGDIR": str(tmp_path)}
    subprocess.run(command, check=True, timeout=60, env=environment)
    assert picture.read_bytes().startswith(b"\x89PNG")


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
    page = (ROOT / "docs" / "errors.md").read_text("utf-8").partition("## All errors")[2]
    table = set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))
    errors = {
        name
        for name in haut_ext.__all__
        if isinstance(kind := getattr(haut_ext, name), type)
        and issubclass(kind, haut_ext.HautError)
        and kind is not haut_ext.HautError
    }
    assert table == errors


def test_pip_install_lines_name_packages_and_extras_that_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text("utf-8"), re.M))
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    messages = (ROOT / "haut_ext").rglob("*.py")
    found = 0
    for file in [*pages, *messages]:
        for line in re.findall(r"pip install ([^`\"\n]+)", file.read_text("utf-8")):
            for package in shlex.split(line.removeprefix("--requirement requirements.txt")):
                name, _, extras = package.rstrip("]").partition("[")
                # The project is not in a package index, so pip finds its name only once it is installed.
                if name in (".", "haut-ext"):
                    assert (name == ".") == (file in pages), (file, line)
                    known = {*project["optional-dependencies"], "", "{library}"}
                    assert set(extras.split(",")) <= known, (file, line)
                else:
                    assert name in locked, (file, line)
                found += 1
    assert found >= 15


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]:
        for target in re.findall(r"\]\(([^)\s:]+)\)", page.read_text("utf-8")):
            path, _, anchor = target.partition("#")
            linked = page.parent / path if path else page
            assert linked.exists(), (page.name, target)
            if anchor:
                headings = re.findall(r"^#+ (.*)$", linked.read_text("utf-8"), re.MULTILINE)
                anchors = {re.sub(r"[^\w -]", "", it).lower().replace(" ", "-") for it in headings}
                assert anchor in anchors, (page.name, target)


def test_stated_defaults_are_those_of_the_code() -> None:
    configuration = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    options = Options()
    timeout = options.timeout
    shown = (
        f"connect {timeout.connect:g} s, read {timeout.read:g} s, write {timeout.write:g} s, "
        f"pool {timeout.pool:g} s"
    )
    assert shown in configuration
    api, photo = options.deadline_for(to_api=True), options.deadline_for(to_api=False)
    assert f"{api:g} s for a call of the API, {photo:g} s for the transfer" in configuration
    assert f"| `max_retries` | | {options.max_retries} |" in configuration
    assert f"| `max_retry_after` | | {options.max_retry_after:g} s |" in configuration
    reliability = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    assert f"doubles from {INITIAL_BACKOFF} s to {MAX_BACKOFF:g} s" in reliability
    with Haut(token="t", company_id="00000000-0000-4000-8000-000000000000") as haut:
        assert haut.options == options
