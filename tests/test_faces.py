"""The two faces are one: same names, same signatures, same words, and their examples run."""

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


def public(face: type[Any]) -> dict[str, Any]:
    return {
        RENAMED.get(name, name): member
        for name, member in vars(face).items()
        if not name.startswith("_") or name in RENAMED or name in RENAMED.values()
    }


def as_sync(text: str) -> str:
    """Return the words of the asynchronous face as the synchronous one has them."""
    text = re.sub(r"\bAsync([A-Z])", r"\1", text).replace("aclose", "close")
    text = re.sub(r"\basync (with|for)\b", r"\1", text).replace("await ", "")
    text = text.replace(", or an awaitable of one.", ".").replace("many tasks", "many threads")
    return text.replace("_async", "_sync")


@pytest.mark.parametrize(("asynchronous", "synchronous"), PAIRS)
def test_same_names(asynchronous: type[Any], synchronous: type[Any]) -> None:
    assert public(asynchronous).keys() == public(synchronous).keys()


@pytest.mark.parametrize(("asynchronous", "synchronous"), PAIRS)
def test_same_signatures(asynchronous: type[Any], synchronous: type[Any]) -> None:
    for name, member in public(asynchronous).items():
        other = public(synchronous)[name]
        if isinstance(member, property) or not callable(getattr(asynchronous, name, None)):
            continue
        theirs = str(inspect.signature(getattr(synchronous, name)))
        assert as_sync(str(inspect.signature(getattr(asynchronous, member.__name__, member)))) == (
            theirs.replace("SyncToken", "Token") if "Token" in theirs else theirs
        ), f"{name}: {other}"


@pytest.mark.parametrize(("asynchronous", "synchronous"), PAIRS)
def test_same_docstrings_and_none_is_missing(
    asynchronous: type[Any], synchronous: type[Any]
) -> None:
    assert as_sync(asynchronous.__doc__ or "") == synchronous.__doc__
    for name, member in public(asynchronous).items():
        words = inspect.getdoc(member)
        assert name.startswith("__") or words, f"{asynchronous.__name__}.{name} has no docstring"
        assert as_sync(words or "") == (inspect.getdoc(public(synchronous)[name]) or "")


def examples(face: type[Any]) -> list[str]:
    """Return the code of every `Example:` in the docstrings of a class and its members."""
    texts = [face.__doc__, *(inspect.getdoc(member) for member in public(face).values())]
    found = [re.search(r"^ *Example:\n((?: {4,}.*\n?|\n)+)", text or "", re.M) for text in texts]
    return [textwrap.dedent(match.group(1)) for match in found if match]


@pytest.mark.slow
@pytest.mark.parametrize("face", [AsyncHaut, Haut])
def test_examples_run(
    face: type[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy("examples/photos/portrait.jpg", tmp_path / "front.jpg")
    monkeypatch.chdir(tmp_path)
    codes = examples(face)
    assert len(codes) == 3
    with Sandbox() as sandbox:
        for name, value in sandbox.credentials.items():
            monkeypatch.setenv(f"HAUT_{name.upper()}", str(value))
        for code in codes:
            if face is AsyncHaut:
                namespace: dict[str, Any] = {"AsyncHaut": AsyncHaut}
                exec("async def main():\n" + textwrap.indent(code, "    "), namespace)
                asyncio.run(namespace["main"]())
            else:
                exec(code, {"Haut": Haut})
    printed = capsys.readouterr().out
    assert "front" in printed
    assert "verified: yes" in printed
