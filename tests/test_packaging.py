"""Tests of the wheel and the source distribution: contents, metadata and installation.

Packages are installed into new environments. These can import the dependencies that are installed in the
current environment, but not the project itself.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

import haut_ext

ROOT = Path(__file__).parent.parent
PACKAGES = {"haut_api": ROOT / "generated" / "haut_api", "haut_ext": ROOT / "haut_ext"}
LICENSE = (ROOT / "LICENSE").read_bytes()


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command, fail the test if it fails, and return its output."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the project's source distribution and a wheel built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ".", cwd=ROOT)
    return folder


@pytest.fixture
def wheel(dist: Path) -> Path:
    [path] = dist.glob("*.whl")
    return path


@pytest.fixture
def metadata(wheel: Path) -> Message:
    """Return the metadata of the built wheel."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_bytes(archive.read(name))


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Path of the Python interpreter in a new virtual environment."""
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site_packages = Path(run(python, "-c", code, cwd=tmp_path).strip())
    # Make the dependencies importable by a .pth file. Python does not read further .pth files in the
    # folder that it adds, so the editable installation of this project remains invisible.
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


def install(python: Path, *arguments: str | Path) -> None:
    """Install packages into a virtual environment, without dependencies or network access."""
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "--disable-pip-version-check",
    ]
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run(*pip, "install", *options, *arguments, cwd=ROOT)


@pytest.mark.slow
def test_wheel_contains_only_the_two_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    dist_info = {name for name in names if ".dist-info/" in name}
    assert {name.partition("/")[2] for name in dist_info} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
    }
    sources = {
        f"{name}/{path.relative_to(folder)}"
        for name, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names - dist_info == sources
    assert {f"{name}/py.typed" for name in PACKAGES} <= sources
    assert {Path(name).suffix for name in sources} == {".json", ".py", ".typed"}


@pytest.mark.slow
def test_wheel_contains_the_license(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/LICENSE")]
        assert archive.read(name) == LICENSE


def test_source_distribution_contains_the_license(dist: Path) -> None:
    [path] = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        file = archive.extractfile(f"haut_ext-{haut_ext.__version__}/LICENSE")
        assert file is not None
        assert file.read() == LICENSE


@pytest.mark.slow
def test_version_of_the_wheel_is_the_version_of_the_package(metadata: Message) -> None:
    assert metadata["Version"] == haut_ext.__version__


def test_metadata(metadata: Message) -> None:
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Author"] == "The haut-ext authors"
    labels = {url.partition(",")[0] for url in metadata.get_all("Project-URL", [])}
    assert labels == {"Changelog", "Documentation", "Source"}


@pytest.mark.slow
@pytest.mark.parametrize("source", ["wheel", "folder", "editable"])
def test_both_packages_can_be_imported_after_installation(
    source: str, python: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    arguments = {"folder": ["."], "editable": ["--editable", "."]}.get(source)
    install(python, *(arguments or [request.getfixturevalue("wheel")]))
    code = "import haut_api.models as a, haut_ext as e; e.Haut; print(a.__file__, e.__file__)"
    models, package = run(python, "-W", "error", "-c", code, cwd=tmp_path).split()
    locations = [Path(models).parents[2], Path(package).parents[1]]
    if source == "editable":
        assert locations == [ROOT / "generated", ROOT]
    else:
        assert all(tmp_path in location.parents for location in locations), locations


@pytest.mark.slow
def test_sandbox_runs_from_the_wheel(wheel: Path, python: Path, tmp_path: Path) -> None:
    install(python, wheel)
    command = [str(python), "-W", "error", "-m", "haut_ext.sandbox", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert re.match(r"sandbox ready url=\S+ token=\S+", process.stdout.readline())
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
        finally:
            process.kill()


@pytest.mark.slow
def test_spec_check_runs_from_the_wheel(wheel: Path, python: Path, tmp_path: Path) -> None:
    install(python, wheel)
    code = "import haut_api, json; print(json.dumps(haut_api.spec()))"
    document = run(python, "-c", code, cwd=tmp_path)
    for name in ("swagger.json", "swagger.yaml"):
        text = document if name.endswith("json") else f"# YAML\n{document}"
        (tmp_path / name).write_text(text, "utf-8")
        report = run(python, "-W", "error", "-m", "haut_ext.spec_check", name, cwd=tmp_path)
        assert "0 different, 0 missing, 0 new" in report
