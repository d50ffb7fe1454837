"""Derive the synchronous face from the asynchronous one, or check that it is what would be derived.

Plain text substitution, as httpcore does it: the hand-written code keeps to constructs for which it
is enough, and whatever is not is found by the type checkers and the tests, which run on both faces.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREES = [
    (ROOT / "haut_ext" / "_async", ROOT / "haut_ext" / "_sync"),
    (ROOT / "tests" / "_async", ROOT / "tests" / "_sync"),
]

# Applied in this order, to every line.
SUBSTITUTIONS = [
    # our names
    (
        r"AsyncHaut's api, where sync functions cannot run: use asyncio, asyncio_detailed",
        "Haut's api, where asyncio functions cannot run: use sync, sync_detailed",
    ),
    (r"_async\b", "_sync"),
    (r"\basyncio_detailed\b", "sync_detailed"),
    # each client's api refuses the other kind of function, so these change places
    (r"\bdef get_httpx_client\b", "def get_OTHER_httpx_client"),
    (r"\bget_async_httpx_client\b", "get_httpx_client"),
    (r"_OTHER_", "_async_"),
    (r"\b(call_provider|gather|run|running)_sync\b", r"\1"),
    (r"\bAsyncToken\b", "SyncToken"),
    (r", or an awaitable of one\.", "."),
    # the standard library's and httpx's
    (r"\basyncio\.Lock\b", "threading.Lock"),
    (r"\basyncio\.sleep\b", "time.sleep"),
    (r"\basyncio\.get_running_loop\b", "os.getpid"),
    (r"\basyncio\.CancelledError\b", "KeyboardInterrupt"),
    (r"^import asyncio$", "import os\nimport threading\nimport time"),
    (r"\bAsyncHTTPTransport\b", "HTTPTransport"),
    (r"\bAsyncClient\b", "Client"),
    (r"\bAsyncBaseTransport\b", "BaseTransport"),
    (r"\bAsyncByteStream\b", "SyncByteStream"),
    (r"\bhandle_async_request\b", "handle_request"),
    (r"\baiter_bytes\b", "iter_bytes"),
    (r"\baclose\b", "close"),
    (r"\baclosing\b", "closing"),
    (r"\b__a(enter|exit|iter)__\b", r"__\1__"),
    (r"\b__anext__\b", "__next__"),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    # the language's
    (r"\bCallable\[\[\], Awaitable\[(.*)\]\]", r"Callable[[], \1]"),
    (r"\bAsync([A-Z]\w+)\b", r"\1"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bmany tasks\b", "many threads"),
]

BY_HAND = {Path("haut_ext/_async/http.py")}
"""Where the two clients differ by nature: the synchronous file is written by hand as well."""

HEADER = "# Derived from {source} by `make sync`; change that file instead.\n"


def derive(source: Path) -> str:
    """Return the synchronous text of an asynchronous file."""
    lines = source.read_text("utf-8").splitlines()
    for pattern, replacement in SUBSTITUTIONS:
        lines = [re.sub(pattern, replacement, line) for line in lines]
    text = "\n".join(lines) + "\n"
    text = text.replace(
        '"""The asynchronous face, written by hand. `_sync` is derived from it by `make sync`."""',
        '"""The synchronous face, derived from `_async` by `make sync`."""',
    )
    return HEADER.format(source=source.relative_to(ROOT).as_posix()) + text


def tidy(text: str, target: Path) -> str:
    """Return the text with imports sorted and lines joined, as the pinned ruff does it."""
    ruff = str(Path(sys.executable).parent / "ruff")
    for command in (["check", "--select", "I,F401,F811", "--fix-only"], ["format"]):
        text = subprocess.run(
            [ruff, *command, "--quiet", "--stdin-filename", str(target), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if it would change"
    )
    arguments = parser.parse_args()
    wrong: list[str] = []
    for asynchronous, synchronous in TREES:
        sources = {path.relative_to(asynchronous): path for path in asynchronous.rglob("*.py")}
        stale = {
            path.relative_to(synchronous) for path in synchronous.rglob("*.py")
        } - sources.keys()
        for name, source in sorted(sources.items()):
            if source.relative_to(ROOT) in BY_HAND:
                continue
            target = synchronous / name
            text = tidy(derive(source), target)
            if target.exists() and target.read_text("utf-8") == text:
                continue
            wrong.append(str(target.relative_to(ROOT)))
            if not arguments.check:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, "utf-8")
        for name in sorted(stale):
            wrong.append(str((synchronous / name).relative_to(ROOT)))
            if not arguments.check:
                (synchronous / name).unlink()
    if arguments.check and wrong:
        sys.exit("not what `make sync` derives: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
