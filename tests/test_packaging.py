"""What is shipped: the two packages and nothing else, importable however it is installed.

Installed into fresh environments that see the other packages of this one, and not this project.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import haut_ext

ROOT = Path(__file__).parent.parent
PACKAGES = {"haut_api": ROOT / "generated" / "haut_api", "haut_ext": ROOT / "haut_ext"}


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution as a release is."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ".", cwd=ROOT)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of a fresh environment."""
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site_packages = Path(run(python, "-c", code, cwd=tmp_path).strip())
    # A path named in a .pth file is searched, and its own .pth files, our editable one among them,
    # are not read.
    (site_packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    return python


def install(python: Path, *what: str | Path) -> None:
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "--disable-pip-version-check",
    ]
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run(*pip, "install", *options, *what, cwd=ROOT)


@pytest.mark.slow
def test_the_wheel_holds_the_two_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    metadata = {name for name in shipped if ".dist-info/" in name}
    assert {name.partition("/")[2] for name in metadata} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
    }
    sources = {
        f"{name}/{path.relative_to(folder)}"
        for name, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped - metadata == sources
    assert {f"{name}/py.typed" for name in PACKAGES} <= sources
    assert {Path(name).suffix for name in sources} == {".json", ".py", ".typed"}


@pytest.mark.slow
@pytest.mark.parametrize("way", ["wheel", "folder", "editable"])
def test_both_packages_can_be_imported(
    way: str, python: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    what = {"folder": ["."], "editable": ["--editable", "."]}.get(way)
    install(python, *(what or [request.getfixturevalue("wheel")]))
    code = "import haut_api.models as a, haut_ext as e; e.Haut; print(a.__file__, e.__file__)"
    models, package = run(python, "-W", "error", "-c", code, cwd=tmp_path).split()
    places = [Path(models).parents[2], Path(package).parents[1]]
    if way == "editable":
        assert places == [ROOT / "generated", ROOT]
    else:
        assert all(tmp_path in place.parents for place in places), places


@pytest.mark.slow
def test_the_sandbox_runs_from_the_wheel(wheel: Path, python: Path, tmp_path: Path) -> None:
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


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert haut_ext.__version__ == project["version"]
