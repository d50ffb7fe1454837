"""Runs all test phases of Schemathesis on the sandbox: examples, coverage, fuzzing, stateful.

Some behavior is not specified in the contract. contract.overlay.yaml specifies it for the sandbox and
gives the reasons. Therefore all checks of Schemathesis can be enabled, and every failure is a defect.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from haut_ext.sandbox import Fault, Sandbox, faults
from haut_ext.sandbox.algorithms import FACE_SKIN_METRICS_2
from haut_ext.sandbox.api_service import OPERATIONS
from scripts.generate import load_contract
from tests.contract import CONTRACT

HERE = Path(__file__).parent


def contract_with_examples(sandbox: Sandbox) -> dict[str, Any]:
    """Return the contract with the ids of existing sandbox records as parameter examples."""
    document = load_contract(HERE / "contract.overlay.yaml", CONTRACT)
    database, components = sandbox.database, document["components"]
    deleted, kept = sandbox.add_subjects(2)
    [read], [emptied] = (sandbox.add_images(kept, 1, b"photo") for _ in range(2))
    with database.lock:
        # Use another dataset, because Schemathesis deletes subjects that it finds in list responses.
        hidden = database.create_subject("hidden", dataset=database.create_dataset("other"))
        [removed] = sandbox.add_images(hidden, 1)
        sandbox.state.analyses.start(read.batch, FACE_SKIN_METRICS_2)
        for _ in range(2):
            sandbox.state.analyses.update(read)
        private = sandbox.state.authentication.create_private_token("token", sandbox.clock.now())
        refresh_token = sandbox.state.authentication.create_refresh_token()
    for name, value in [
        ("SubjectId", deleted.id),
        ("ImageId", removed.id),
        ("BatchId", read.batch.id),
        ("AuxId", read.analysis.aux_images[0].id),
    ]:
        components["parameters"][name]["example"] = value
    # For these operations, the example ids of the shared parameters are replaced by other ids.
    of_kept = {"subject_id": kept.id, "image_id": read.id}
    others: dict[str, dict[str, Any]] = {
        "get_image": of_kept,
        "list_image_results": of_kept,
        "list_smoothed_results": of_kept,
        "list_aux_images": of_kept,
        "list_batch_images": of_kept,
        "create_batch_image": of_kept,
        "create_subject_image": of_kept,
        "get_aux_image_url": of_kept,
        "delete_batch": {"subject_id": kept.id, "batch_id": emptied.batch.id},
        "delete_private_token": {"id": private.id},
    }
    for item in document["paths"].values():
        for operation in item.values():
            named = others.get(operation["operationId"], {})
            parameters = operation.get("parameters", [])
            for index, parameter in enumerate(parameters):
                if reference := parameter.get("$ref"):
                    parameter = components["parameters"][reference.rpartition("/")[2]]
                if parameter["name"] in named:
                    parameters[index] = {**parameter, "example": named[parameter["name"]]}
    schemas = components["schemas"]
    schemas["LoginRequest"]["example"] = sandbox.login_credentials
    schemas["RefreshRequest"]["example"] = {"refresh_token": refresh_token}
    return document


def run_schemathesis(
    sandbox: Sandbox, folder: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """Run Schemathesis on a sandbox; the exit code of the process is 1 if a check fails."""
    contract = folder / "haut.yaml"
    contract.write_text(yaml.safe_dump(contract_with_examples(sandbox), sort_keys=False), "utf-8")
    settings = HERE / "schemathesis.toml"
    command = [str(Path(sys.executable).with_name("schemathesis")), "--no-color"]
    command += ["--config-file", str(settings), "run", str(contract), *options]
    environment = {
        f"HAUT_{name.upper()}": str(value) for name, value in sandbox.credentials.items()
    }
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )


@pytest.mark.slow
def test_sandbox_conforms_to_the_contract(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run_schemathesis(sandbox, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(OPERATIONS)} selected / {len(OPERATIONS)} total" in done.stdout
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅  {phase} (in" in done.stdout
    # Check that each operation succeeded at least once, so that not only errors were tested.
    assert {name for name in OPERATIONS if not sandbox.carried_out(name)} == set()


DEFECTS: dict[str, tuple[Fault, str]] = {
    "clear_subject_metadata": (faults.status(500), "Server error"),
    "compute_batch": (faults.status(202), "Undocumented status code"),
    "update_subject": (faults.empty(), "JSON deserialization error"),
    "get_image": (faults.login_page(), "Undocumented Content-Type"),
    "list_image_results": (
        faults.status(200, b'{"results":[]}', content_type="application/json"),
        "Response violates schema",
    ),
    "clear_subject_storage": (
        faults.status(200, b'{"state":"ok"}', content_type="application/json"),
        "Response violates schema",
    ),
}


@pytest.mark.slow
def test_schemathesis_finds_defects(sandbox: Sandbox, tmp_path: Path) -> None:
    included: list[str] = []
    for operation, (defect, _) in DEFECTS.items():
        sandbox.faults.add(operation, defect, times=None)
        included += ["--include-operation-id", operation]
    done = run_schemathesis(sandbox, tmp_path, *included, "--phases=examples")
    assert done.returncode == 1, done.stdout + done.stderr
    # The report has a section for each operation with defects.
    sections = re.split(r"^_* ([A-Z]+ /\S+) _*$", done.stdout, flags=re.MULTILINE)
    reports = dict(zip(sections[1::2], sections[2::2], strict=True))
    paths = {
        operation["operationId"]: f"{method.upper()} {path}"
        for path, item in CONTRACT["paths"].items()
        for method, operation in item.items()
    }
    for operation, (_, finding) in DEFECTS.items():
        assert finding in reports[paths[operation]], done.stdout
