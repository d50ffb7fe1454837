"""Haut and AsyncHaut have the same names, signatures and docstrings, and docstring examples run."""

from __future__ import annotations

import asyncio
import inspect
import re
import shutil
import textwrap
from pathlib import Path
from typing import Any

import pytest

from haut_ext import AsyncHaut, Haut
from haut_ext._async.resources.images import AsyncImages
from haut_ext._async.resources.subjects import AsyncSubjects
from haut_ext._sync.resources.images import Images
from haut_ext._sync.resources.subjects import Subjects
from haut_ext.sandbox import Sandbox

PAIRS = [
    pytest.param(AsyncHaut, Haut, id="Haut"),
    pytest.param(AsyncSubjects, Subjects, id="subjects"),
    pytest.param(AsyncImages, Images, id="images"),
]
RENAMED = {"aclose": "close", "__aenter__": "__enter__", "__aexit__": "__exit__"}


def public_members(client_class: type[Any]) -> dict[str, Any]:
    return {
        RENAMED.get(name, name): member
        for name, member in vars(client_class).items()
        if not name.startswith("_") or name in RENAMED or name in RENAMED.values()
    }


def as_sync(text: str) -> str:
    """Replace names and keywords of the asynchronous client by their synchronous counterparts."""
    text = re.sub(r"\b(Abstract)?Async([A-Z])", r"\1\2", text).replace("aclose", "close")
    text = re.sub(r"\basync (with|for)\b", r"\1", text).replace("await ", "")
    text = text.replace(", or an awaitable of one.", ".").replace("many tasks", "many threads")
    return text.replace("_async", "_sync")


@pytest.mark.parametrize(("asynchronous", "synchronous"), PAIRS)
def test_same_names(asynchronous: type[Any], synchronous: type[Any]) -> None:
    assert public_members(asynchronous).keys() == public_members(synchronous).keys()


@pytest.mark.parametrize(("asynchronous", "synchronous"), PAIRS)
def test_same_signatures(asynchronous: type[Any], synchronous: type[Any]) -> None:
    for name, member in public_members(asynchronous).items():
        other = public_members(synchronous)[name]
        if isinstance(member, property) or not callable(getattr(asynchronous, name, None)):
            continue
        theirs = str(inspect.signature(getattr(synchronous, name)))
        assert as_sync(str(inspect.signature(getattr(asynchronous, name)))) == (
            theirs.replace("SyncToken", "Token") if "Token" in theirs else theirs
        ), f"{name}: {other}"


@pytest.mark.parametrize(("asynchronous", "synchronous"), PAIRS)
def test_same_docstrings_and_no_missing_docstring(
    asynchronous: type[Any], synchronous: type[Any]
) -> None:
    assert as_sync(asynchronous.__doc__ or "") == synchronous.__doc__
    for name, member in public_members(asynchronous).items():
        docstring = inspect.getdoc(member)
        assert name.startswith("__") or docstring, (
            f"{asynchronous.__name__}.{name} has no docstring"
        )
        assert as_sync(docstring or "") == (inspect.getdoc(public_members(synchronous)[name]) or "")


def examples(client_class: type[Any]) -> list[str]:
    """Return the code of all `Example:` sections in the docstrings of a class and its members."""
    texts = [
        client_class.__doc__,
        *(inspect.getdoc(member) for member in public_members(client_class).values()),
    ]
    found = [re.search(r"^ *Example:\n((?: {4,}.*\n?|\n)+)", text or "", re.M) for text in texts]
    return [textwrap.dedent(match.group(1)) for match in found if match]


@pytest.mark.slow
@pytest.mark.parametrize("client_class", [AsyncHaut, Haut])
def test_examples_run(
    client_class: type[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy("examples/photos/portrait.jpg", tmp_path / "front.jpg")
    monkeypatch.chdir(tmp_path)
    codes = examples(client_class)
    assert len(codes) == 5
    with Sandbox() as sandbox:
        for name, value in sandbox.credentials.items():
            monkeypatch.setenv(f"HAUT_{name.upper()}", str(value))
        for code in codes:
            if client_class is AsyncHaut:
                namespace: dict[str, Any] = {"AsyncHaut": AsyncHaut}
                exec("async def main():\n" + textwrap.indent(code, "    "), namespace)
                asyncio.run(namespace["main"]())
            else:
                exec(code, {"Haut": Haut})
    printed = capsys.readouterr().out
    assert "front" in printed
    assert "yes, every check was made" in printed
