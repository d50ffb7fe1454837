"""Tests that derived and pickled clients keep their attributes, and that pickles contain no token."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haut_ext import AsyncHaut, ConfigError, Haut
from haut_ext.sandbox import Sandbox
from tests.support.client_runner import Client, Kind

NewClient = Callable[..., Client]


class CustomHaut(Haut):
    def __init__(self, team: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.team = team


class CustomAsyncHaut(AsyncHaut):
    def __init__(self, team: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.team = team


def token_callable() -> str:
    return "from a callable"


def custom_client(kind: Kind, **arguments: Any) -> Any:
    return (
        CustomHaut("skin", **arguments) if kind == "sync" else CustomAsyncHaut("skin", **arguments)
    )


def close(kind: Kind, haut: Any) -> None:
    import asyncio

    asyncio.run(haut.aclose()) if kind == "async" else haut.close()


def test_derived_client_keeps_class_and_attributes(kind: Kind, sandbox: Sandbox) -> None:
    haut = custom_client(kind, **sandbox.credentials)
    derived = haut.with_options(max_retries=0)
    assert type(derived) is type(haut)
    assert derived.team == "skin"
    close(kind, haut)


def test_pickled_client_keeps_class_and_attributes_but_no_token(
    kind: Kind, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = sandbox.credentials["token"]
    monkeypatch.setenv("HAUT_TOKEN", token)
    haut = custom_client(kind, **sandbox.credentials, deadline=7)
    pickled = pickle.dumps(haut)
    close(kind, haut)
    assert token.encode() not in pickled
    copy = pickle.loads(pickled)
    assert type(copy) is type(haut)
    assert copy.team == "skin"
    assert copy.options.deadline == 7
    close(kind, copy)


def test_client_whose_token_is_not_in_the_environment_cannot_be_pickled(
    new_client: NewClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    haut = new_client().haut
    variables: list[dict[str, str]] = [
        {},
        {"HAUT_TOKEN": "another"},
        {"HAUT_TOKEN_FILE": "missing"},
    ]
    for variable in variables:
        for name, value in variable.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ConfigError, match="cannot be pickled: token= was given as a string"):
            pickle.dumps(haut)
        monkeypatch.delenv("HAUT_TOKEN", raising=False)


def test_token_callable_is_pickled_if_it_is_importable(kind: Kind, new_client: NewClient) -> None:
    copy = pickle.loads(pickle.dumps(new_client(token=token_callable).haut))
    close(kind, copy)
    with pytest.raises(ConfigError, match="token"):
        pickle.dumps(new_client(token=lambda: "local").haut)


def test_unknown_option_is_rejected(new_client: NewClient) -> None:
    with pytest.raises(
        ConfigError, match=r"unknown option 'deadlin'; valid options are .*deadline"
    ):
        new_client().haut.with_options(deadlin=3)


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_unknown_option_is_a_type_error(checker: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from haut_ext import AsyncHaut, Haut\n"
        "def right(one: Haut, other: AsyncHaut) -> None:\n"
        "    one.with_options(deadline=3, headers={'X-A': '1'})\n"
        "    other.with_options(deadline=3)\n"
        "def wrong(one: Haut, other: AsyncHaut) -> None:\n"
        "    one.with_options(deadlin=3)\n"
        "    other.with_options(deadlin=3)\n"
        "    Haut(deadlin=3)\n"
        "    one.subjects.create('name', birthday=None)\n"
        "    one.upload_and_compute('id', front=b'', metadata=1)\n"
        "    one.images.upload('id', b'', light=1.5)\n"
    )
    options = ["--pythonpath", sys.executable] if checker == "pyright" else ["--no-incremental"]
    finished = subprocess.run(
        [sys.executable, "-m", checker, *options, str(program)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tmp_path,
    )
    errors = [
        line for line in finished.stdout.splitlines() if "error" in line and "program.py:" in line
    ]
    found = {line.split("program.py:")[1].split(":")[0] for line in errors}
    assert found == {"6", "7", "8", "9", "10", "11"}, finished.stdout + finished.stderr
