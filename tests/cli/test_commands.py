"""Each command does what it says, tells people and machines, and ends with the documented code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from haut_ext import ErasureReceipt
from haut_ext.sandbox import faults
from tests.bulk.conftest import PHOTO
from tests.bulk.holdings import holdings
from tests.cli.conftest import Shell


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.slow
def test_subjects_and_images(shell: Shell) -> None:
    shell.sandbox.add_subjects(60)
    [subject] = shell.sandbox.add_subjects(1, prefix="a person")
    shell.sandbox.add_images(subject, 2, PHOTO)
    out, err = shell.run("subjects")
    assert len(out.splitlines()) == 51
    assert "There are more" in err
    assert len(json_lines(shell.run("subjects", "--json")[0])) == 61
    out, err = shell.run("subjects", "--q", "a person")
    assert (subject.id in out, len(out.splitlines()), err) == (True, 2, "")
    for name in (subject.id, subject.name):
        out, _ = shell.run("images", name)
        assert [line.split()[1:3] for line in out.splitlines()[1:]] == [["front", "yes"]] * 2
    images = json_lines(shell.run("images", subject.id, "--json")[0])
    assert len(images) == 2
    assert "X-Goog" not in json.dumps(images)
    assert "0 subjects have this name" in shell.run("images", "nobody", code=2)[1]
    shell.run("images", "00000000-0000-4000-8000-000000000000", code=1)


def test_upload(shell: Shell) -> None:
    out, err = shell.run("upload", "customer-4711", "--front", "front.jpg", "--wait", "--json")
    [subject] = shell.sandbox.snapshot()["subjects"]
    answer = json.loads(out)
    assert answer["subject_id"] == subject["id"]
    assert len(answer["quality_scores"]) == 1
    assert err == ""
    out, _ = shell.run("upload", subject["id"], "--front", "front.jpg", "--left", "front.jpg")
    assert "left" in out
    assert len(shell.sandbox.snapshot()["subjects"]) == 1
    (shell.folder / "small.jpg").write_bytes(b"no photo")
    assert "JPEG" in shell.run("upload", subject["id"], "--front", "small.jpg", code=2)[1]
    assert "no photo" in shell.run("upload", subject["id"], code=2)[1]


def test_an_upload_that_stops_says_how_to_go_on(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.faults.add("upload_image", faults.status(403))
    _, err = shell.run("upload", subject.id, "--front", "front.jpg", code=4)
    [advice] = [line for line in err.splitlines() if line.startswith("Go on with: haut ")]
    command = advice.removeprefix("Go on with: haut ").replace("...", "front.jpg").split()
    shell.run(*command)
    assert not list(shell.folder.glob("haut-upload-*"))
    [subject_held] = holdings(shell.sandbox)
    assert [len(batch["images"]) for batch in subject_held["batches"]] == [1]
    (shell.folder / "state").write_text("{}")
    assert "not the state" in shell.run("upload", "x", "--resume", "state", code=2)[1]


def test_erase_asks_shows_and_writes_a_receipt(shell: Shell) -> None:
    [subject, other] = shell.sandbox.add_subjects(2)
    shell.sandbox.add_images(subject, 3, PHOTO)
    for answer, arguments, code in (("", ["--dry-run"], 0), ("n\n", [], 1), ("", [], 1)):
        _, err = shell.run("erase", subject.name, *arguments, typed=answer, code=code)
        assert subject.id in err
        assert "results: 3" in err
    assert len(shell.sandbox.snapshot()["subjects"]) == 2
    out, _ = shell.run("erase", subject.name, "--dry-run", "--json")
    assert json.loads(out) == {"subject_id": subject.id, "images": 3}
    out, _ = shell.run("erase", subject.name, typed="y\n")
    assert "verified: yes" in out
    receipt = ErasureReceipt.from_json((shell.folder / f"erasure-{subject.id}.json").read_text())
    assert receipt.verified
    out, _ = shell.run(
        "erase", other.id, "--yes", "--keep-subject", "--receipt", "r.json", "--json"
    )
    assert json.loads(out) == json.loads((shell.folder / "r.json").read_text())
    assert [subject["id"] for subject in shell.sandbox.snapshot()["subjects"]] == [other.id]
    shell.run("erase", subject.id, "--yes", "--receipt", "s.json", code=1)
    shell.run("erase", other.id, "--yes", "--receipt", "front.jpg", code=2)


def test_an_erasure_that_stops_is_completed_by_the_same_command(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    shell.sandbox.faults.add("delete_subject", faults.status(403, when="after"))
    _, err = shell.run("erase", subject.id, "--yes", code=4)
    assert "the same command completes it" in err
    out, _ = shell.run("erase", subject.id, "--yes")
    assert "already gone" in out


@pytest.mark.slow
def test_bulk(shell: Shell) -> None:
    for name in ("a", "b"):
        (shell.folder / "photos" / name).mkdir(parents=True)
        shutil.copy(shell.folder / "front.jpg", shell.folder / "photos" / name)
    out, err = shell.run("bulk", "upload", "photos", "--journal", "j")
    assert (out, err) == ("2 done\n", "")
    manifest = shell.folder / "m.csv"
    manifest.write_text("subject,front\nc,front.jpg\nd,missing.jpg\n")
    out, _ = shell.run("bulk", "upload", "m.csv", "--journal", "k", "--per-second", "100", code=3)
    assert out.startswith("1 done, 1 bad; the problems are listed in k.problems.csv\nrow")
    out, _ = shell.run("bulk", "upload", "m.csv", "--journal", "k", "--json", code=3)
    assert json.loads(out)["skipped"] == 1
    assert json.loads(out)["problems"] == "k.problems.csv"
    _, err = shell.run("bulk", "upload", "k.problems.csv", "--journal", "k", code=2)
    assert "another name" in err

    ids = [subject["id"] for subject in shell.sandbox.snapshot()["subjects"]]
    (shell.folder / "ids.txt").write_text("\n".join(ids[:2]))
    (shell.folder / "ids.csv").write_text("n,subject_id\n" + "".join(f"1,{id_}\n" for id_ in ids))
    erase = ("bulk", "erase", "ids.txt", "--journal", "e", "--receipts", "receipts")
    out, err = shell.run(*erase, "--dry-run", "--json")
    assert (json.loads(out), "so many subjects: 2" in err) == ({"subjects": 2}, True)
    shell.run(*erase, code=1, typed="n\n")
    assert len(shell.sandbox.snapshot()["subjects"]) == 3
    shell.run(*erase, "--yes")
    assert len(list((shell.folder / "receipts").iterdir())) == 2
    out, _ = shell.run(
        "bulk", "erase", "ids.csv", "--journal", "e", "--receipts", "receipts", "--yes"
    )
    assert out == "1 done, 2 skipped\n"


def test_doctor(shell: Shell) -> None:
    out, _ = shell.run("doctor")
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["ok", name]
        for name in ("versions", "configuration", "reachability", "clock", "token", "dataset")
    ]
    for changes, name in (
        ({"HAUT_TOKEN": ""}, "configuration"),
        ({"HAUT_DATASET_ID": ""}, "configuration"),
        ({"HAUT_BASE_URL": shell.sandbox.dead_url}, "reachability"),
        ({"HAUT_TOKEN": "wrong"}, "token"),
        ({"HAUT_DATASET_ID": "00000000-0000-4000-8000-000000000000"}, "dataset"),
        ({"HAUT_COMPANY_ID": "00000000-0000-4000-8000-000000000000"}, "dataset"),
    ):
        checks = json_lines(shell.run("doctor", "--json", code=1, **changes)[0])
        assert [check["name"] for check in checks if not check["ok"]] == [name]
        assert checks[-1]["advice"]
    shell.sandbox.clock.advance(3600)
    out, _ = shell.run("doctor", code=1)
    assert "s off the service's" in out
    shell.sandbox.faults.add("list_subjects", faults.login_page())
    assert "PROBLEM  reachability" in shell.run("doctor", code=1)[0]


def test_the_token_comes_from_the_environment_or_a_private_file(shell: Shell) -> None:
    path = shell.folder / "token"
    path.write_text(shell.environment.pop("HAUT_TOKEN") + "\n")
    path.chmod(0o600)
    shell.run("subjects", HAUT_TOKEN_FILE=str(path))
    path.chmod(0o640)
    assert "chmod 600" in shell.run("subjects", HAUT_TOKEN_FILE=str(path), code=2)[1]
    assert "both set" in shell.run("subjects", HAUT_TOKEN_FILE="t", HAUT_TOKEN="t", code=2)[1]
    assert "cannot be read" in shell.run("subjects", HAUT_TOKEN_FILE="missing", code=2)[1]
    assert "HAUT_TOKEN" in shell.run("subjects", code=2)[1]
    assert "No such option" in shell.run("subjects", "--token", "t", code=2)[1]


COMMANDS = [
    *(["subjects"], ["images"], ["upload"], ["erase"], ["bulk"], ["bulk", "upload"]),
    *(["bulk", "erase"], ["sandbox"], ["doctor"]),
]


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_help_has_examples_and_fits_80_columns(shell: Shell, command: list[str]) -> None:
    out, _ = shell.run(*command, "--help", COLUMNS="80")
    assert max(map(len, out.splitlines())) <= 80
    if command not in ([], ["bulk"]):
        assert f"Examples:\n    haut {' '.join(command)}" in out


def test_shell_completion(shell: Shell) -> None:
    out, _ = shell.run(_HAUT_COMPLETE="complete_bash", COMP_WORDS="haut s", COMP_CWORD="1")
    assert out.split() == ["subjects", "sandbox"]


def test_sandbox(shell: Shell) -> None:
    with shell.start("sandbox", "--port", "0", "--seed", "1") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("sandbox ready url=http://127.0.0.1:")
        process.terminate()
        assert process.wait(30) == 0


def test_the_library_needs_no_command_line_and_says_what_is_missing() -> None:
    code = (
        "import sys, haut_ext\n"
        "loaded = {name.split('.')[0] for name in sys.modules} & {'typer', 'rich', 'distributed'}\n"
        "assert not loaded and not {'haut_ext.bulk', 'haut_ext.cli'} & set(sys.modules)\n"
        "sys.modules['typer'] = None\n"
        "import haut_ext.cli\n"
        "haut_ext.cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "haut: the command line is an extra: pip install 'haut-ext[cli]'\n"


def test_below_the_command_line_nobody_knows_of_it() -> None:
    package = Path(sys.modules["haut_ext"].__file__ or "").parent
    for path in package.rglob("*.py"):
        top = path.relative_to(package).parts[0]
        for above in ("haut_ext.cli", "haut_ext.bulk"):
            if top not in ("cli", "bulk") or (top, above) == ("bulk", "haut_ext.cli"):
                assert above not in path.read_text("utf-8"), path
