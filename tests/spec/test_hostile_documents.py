"""Tests of documents, values of SPEC and services that try to harm the person who uses them."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from haut_ext.spec_check.parsing import MAX_BYTES
from scripts import lint_spec
from scripts.spec import impact, names, prepare
from scripts.spec.document import ROOT, SpecError, parse, validation_errors
from scripts.spec.pull import fetch, token_for
from tests.spec.edits import DOCUMENT, edited, put, schema
from tests.support.servers import ScriptedServer, Server, read_head, response


@pytest.mark.parametrize("target", ["pull", "check"])
@pytest.mark.parametrize(
    "value",
    [
        *("$(shell touch harm)", "$(touch harm)", "`touch harm`", "'; touch harm; '"),
        *('"; touch harm; "', "$$(touch harm)", "a'b.json", 'a"b $HOME.json', "--help", "a\\"),
    ],
)
@pytest.mark.parametrize("given", ["argument", "variable"])
def test_value_of_spec_is_data(tmp_path: Path, target: str, value: str, given: str) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        "#!/bin/sh\n"
        'until [ "$1" = -- ]; do shift || exit 1; done\n'  # the value cannot be an option
        'printf "%s" "$2" > received\n'
    )
    python.chmod(0o755)
    for name in ("requirements.lock", "pyproject.toml", "haut_ext/_version.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".venv" / ".done").touch()
    environment = {**os.environ, **({"SPEC": value} if given == "variable" else {})}
    arguments = [f"SPEC={value}"] if given == "argument" else []
    done = subprocess.run(
        ["make", f"spec-{target}", *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "received").read_text() == value
    assert not (tmp_path / "harm").exists()


def places(reference: str) -> Iterator[dict[str, Any]]:
    name = schema("Subject/properties/name")
    yield edited(put(f"{name}/example", {"$ref": reference}))
    yield edited(put(f"{name}/default", {"a": [{"$ref": reference}]}))
    yield edited(put(schema("Subject/properties/more"), {"$ref": reference}))
    yield edited(put("#/components/examples", {"a": {"$ref": reference}}))
    yield edited(put("#/info/x-more", {"$ref": reference}))


def test_reference_to_a_url_or_file_is_reported_and_not_followed(tmp_path: Path) -> None:
    file = tmp_path / "secret.json"
    file.write_text('{"type": "string"}')
    with ScriptedServer(*[response("200 OK", b"{}")] * 20) as server:
        for reference in (f"{server.origin}/x.json", file.as_uri(), str(file), "other.yaml#/x"):
            for document in places(reference):
                assert any("outside the document" in it for it in validation_errors(document))
        assert server.accepted == 0
    assert validation_errors(DOCUMENT) == []


def test_aliases_that_expand_to_millions_of_values_are_rejected() -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 8)]
    text = "\n".join(["openapi: 3.0.3", "a0: &a0 x", *levels, "paths: {}"])
    tracemalloc.start()
    try:
        with pytest.raises(SpecError, match="more than 1,000,000 values"):
            parse(text, "bomb.yaml")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("path", ["/" + "{" * 20_000, "/" + "{a}" * 5 + "/x"])
def test_parameters_of_a_path_take_linear_time(path: str) -> None:
    operation = SimpleNamespace(path=path, method="get", definition={})
    began = time.process_time()
    vars(names)["_PARAMETER"].findall(path)
    vars(names)["_short_name"](operation)
    vars(prepare)["_path_name"](operation, with_parameters=True)
    pattern = vars(impact)["_pattern"](f"GET {path}")
    assert not pattern.fullmatch("GET /" + "a" * 200)
    assert time.process_time() - began < 1


def test_endless_or_compressed_document_is_rejected() -> None:
    sent = 0

    def respond(client: Any) -> None:
        nonlocal sent
        read_head(client)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while sent < 3 * MAX_BYTES:
            client.sendall(b" " * 65_536)
            sent += 65_536

    with Server(respond) as server, pytest.raises(SpecError, match="larger than 32 MiB"):
        fetch(f"{server.origin}/swagger.json", None)
    assert sent < 2 * MAX_BYTES
    compressed = response("200 OK", gzip.compress(b"{}"), Content_Encoding="gzip")
    with ScriptedServer(compressed) as server, pytest.raises(SpecError, match="compressed"):
        fetch(f"{server.origin}/swagger.json", None)


def test_endless_file_is_rejected() -> None:
    with pytest.raises(SpecError, match="larger than 32 MiB"):
        fetch("/dev/zero", None)


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        ("https://saas.haut.ai/schema/", True),
        ("https://saas.haut.ai:443/schema/", True),
        ("https://SAAS.haut.ai/schema/", True),
        ("https://saas.haut.ai.example/schema/", False),
        ("https://saas.haut.ai@evil.example/schema/", False),
        ("https://saas.haut.ai:8443/schema/", False),
        ("http://saas.haut.ai/schema/", False),
        ("https://[/", False),
        ("swagger.json", False),
    ],
)
def test_token_is_for_the_origin_of_the_service_only(
    monkeypatch: pytest.MonkeyPatch, source: str, sent: bool
) -> None:
    monkeypatch.setenv("HAUT_TOKEN", "secret")
    monkeypatch.delenv("HAUT_BASE_URL", raising=False)
    assert token_for(source) == ("secret" if sent else None)
    monkeypatch.setenv("HAUT_BASE_URL", "https://other.example")
    assert token_for(source) is None
    assert token_for("https://other.example/schema/") == "secret"


def test_linter_gets_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs packages of other authors."""
    redocly = tmp_path / "node_modules" / ".bin" / "redocly"
    redocly.parent.mkdir(parents=True)
    redocly.write_text(f"#!/bin/sh\nenv > {tmp_path / 'received'}\n")
    redocly.chmod(0o755)
    monkeypatch.setattr(lint_spec, "OPENAPI", tmp_path)
    monkeypatch.setenv("HAUT_TOKEN", "a-secret")
    monkeypatch.setenv("HAUT_PASSWORD", "a-secret")
    assert lint_spec.main() == 0
    received = (tmp_path / "received").read_text()
    assert "REDOCLY_TELEMETRY=off" in received
    assert "a-secret" not in received
