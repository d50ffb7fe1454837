"""The sandbox, judged by schemathesis from the contract alone: examples, coverage, fuzzing, stateful.

What the contract leaves open and the sandbox decides stands in contract.overlay.yaml, each with
its reason. Then there is nothing left to excuse: any failure is a defect.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from haut_ext.sandbox import Fault, Sandbox, faults
from haut_ext.sandbox.api import OPERATIONS
from scripts.generate import overlaid

HERE = Path(__file__).parent


def contract_of(sandbox: Sandbox) -> dict[str, Any]:
    """Return the contract with what exists as examples: a random id never does."""
    document = overlaid(HERE / "contract.overlay.yaml")
    parameters = document["components"]["parameters"]
    deleted, kept = sandbox.add_subjects(2)
    read, removed = sandbox.add_images(kept, 2, b"photo")
    for name, value in [
        ("SubjectId", deleted.id),
        ("ImageId", removed.id),
        ("BatchId", read.batch.id),
    ]:
        parameters[name]["example"] = value
    get_image = document["paths"]["/api/v1/companies/{company_id}/images/{image_id}/"]["get"]
    get_image["parameters"][1] = {**parameters["ImageId"], "example": read.id}
    return document


def judge(sandbox: Sandbox, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run schemathesis on a sandbox; its exit code is 1 when it found something."""
    contract = folder / "haut.yaml"
    contract.write_text(yaml.safe_dump(contract_of(sandbox), sort_keys=False), "utf-8")
    settings = HERE / "schemathesis.toml"
    command = [str(Path(sys.executable).with_name("schemathesis")), "--no-color"]
    command += ["--config-file", str(settings), "run", str(contract), *options]
    where = {f"HAUT_{name.upper()}": str(value) for name, value in sandbox.credentials.items()}
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **where, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )


def test_the_sandbox_keeps_the_contract(sandbox: Sandbox, tmp_path: Path) -> None:
    done = judge(sandbox, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(OPERATIONS)} selected / {len(OPERATIONS)} total" in done.stdout
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅  {phase} (in" in done.stdout
    # It came as far as the work itself, and not to refusals alone.
    assert {name for name in OPERATIONS if not sandbox.carried_out(name)} == set()


@pytest.mark.parametrize(
    ("operation", "defect", "finding"),
    [
        ("clear_subject_metadata", faults.status(500), "Server error"),
        ("compute_batch", faults.status(202), "Undocumented status code"),
        ("update_subject", faults.empty(), "JSON deserialization error"),
        ("get_image", faults.login_page(), "Undocumented Content-Type"),
        (
            "clear_subject_storage",
            faults.status(200, b'{"state":"ok"}', content_type="application/json"),
            "Response violates schema",
        ),
    ],
)
def test_a_defect_is_found(
    sandbox: Sandbox, tmp_path: Path, operation: str, defect: Fault, finding: str
) -> None:
    sandbox.faults.add(operation, defect, times=None)
    done = judge(sandbox, tmp_path, "--include-operation-id", operation, "--phases=examples")
    assert done.returncode == 1, done.stdout + done.stderr
    assert finding in done.stdout
