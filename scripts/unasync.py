"""Derive the synchronous client, its tests and examples from the asynchronous versions, for `make sync`.

The code is derived by text substitution, as in httpcore, so the asynchronous code uses only constructs
for which substitution is sufficient. Type checks and tests run for both clients, so they
detect code that is not converted correctly.
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
    (ROOT / "examples" / "asynchronous", ROOT / "examples" / "synchronous"),
]

# Regular expressions and their replacements, applied to every line in this order.
SUBSTITUTIONS = [
    # replace names that are defined in haut_ext
    (
        r"\bAsynchronous client, written by hand\..*",
        'Synchronous client, derived by `make sync`."""',
    ),
    (
        r"\basynchronous client, written by hand\..*",
        'synchronous client, derived by `make sync`."""',
    ),
    (
        r"AsyncHaut's api, where sync functions cannot run: use asyncio, asyncio_detailed",
        "Haut's api, where asyncio functions cannot run: use sync, sync_detailed",
    ),
    (r"_async\b", "_sync"),
    (r"\basyncio_detailed\b", "sync_detailed"),
    (r"_subject\.asyncio\(", "_subject.sync("),
    # `Haut.api` rejects asynchronous functions and `AsyncHaut.api` rejects synchronous ones, so the
    # names of the methods that return an httpx client are swapped
    (r"\bdef get_httpx_client\b", "def get_OTHER_httpx_client"),
    (r"\bget_async_httpx_client\b", "get_httpx_client"),
    (r"_OTHER_", "_async_"),
    (r"\b(gather|run|running|wait_until)_sync\b", r"\1"),
    (r"\bawait maybe_await\((.*)\)", r"\1"),
    (r"\bawait (?:token_)?before_deadline\(call, (.*)\)", r"\1"),
    (r"\bAsyncToken\b", "SyncToken"),
    (r", or an awaitable of one\.", "."),
    # replace names of the standard library and httpx
    (r"\basyncio\.Lock\b", "threading.Lock"),
    (r"\basyncio\.sleep\b", "time.sleep"),
    (r"\basyncio\.get_running_loop\b", "os.getpid"),
    (r"^asyncio\.run\((main\(\))\)$", r"\1"),
    (r"\bawait asyncio\.to_thread\((\w+), ", r"\1("),
    (r"\basyncio\.CancelledError\b", "KeyboardInterrupt"),
    (r"^import asyncio$", "import os\nimport threading\nimport time"),
    (r"\bAsyncHTTPTransport\b", "HTTPTransport"),
    (r"\bAsyncClient\b", "Client"),
    (r"\bAsyncBaseTransport\b", "BaseTransport"),
    (r"\bAsyncByteStream\b", "SyncByteStream"),
    (r"\bhandle_async_request\b", "handle_request"),
    (r"\baiter_bytes\b", "iter_bytes"),
    (r"\baread\b", "read"),
    (r"\baclose\b", "close"),
    (r"\baclosing\b", "closing"),
    (r"\basynccontextmanager\b", "contextmanager"),
    (r"\bAbstractAsyncContextManager\b", "AbstractContextManager"),
    (r"\b__a(enter|exit|iter)__\b", r"__\1__"),
    (r"\b__anext__\b", "__next__"),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    # replace keywords and type names
    (r"\bCallable\[\[\], Awaitable\[(.*)\]\]", r"Callable[[], \1]"),
    (r"\bAsync([A-Z]\w+)\b", r"\1"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bmany tasks\b", "many threads"),
]

EXCLUDED = {Path("haut_ext/_async/connections.py")}
"""Files whose synchronous version is written by hand, because the two versions differ too much."""

HEADER = "# Derived from {source} by `make sync`; change that file instead.\n"


def derive(source: Path) -> str:
    """Return the synchronous version of an asynchronous source file, without formatting it."""
    lines = source.read_text("utf-8").splitlines()
    for pattern, replacement in SUBSTITUTIONS:
        lines = [re.sub(pattern, replacement, line) for line in lines]
    return HEADER.format(source=source.relative_to(ROOT).as_posix()) + "\n".join(lines) + "\n"


def tidy(text: str, target: Path) -> str:
    """Remove unused imports, sort the remaining imports, and format the code with ruff."""
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


def sync(asynchronous: Path, synchronous: Path, *, check: bool) -> list[str]:
    """Update the derived files of a folder, or only check them. Return the paths of outdated files."""
    sources = {path.relative_to(asynchronous): path for path in asynchronous.rglob("*.py")}
    differing = [
        path for path in synchronous.rglob("*.py") if path.relative_to(synchronous) not in sources
    ]
    if not check:
        for stale in differing:
            stale.unlink()
    for name, source in sorted(sources.items()):
        if source.relative_to(ROOT) in EXCLUDED:
            continue
        target = synchronous / name
        text = tidy(derive(source), target)
        if not target.exists() or target.read_text("utf-8") != text:
            differing.append(target)
            if not check:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, "utf-8")
    return [str(path.relative_to(ROOT)) for path in differing]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--check",
        action="store_true",
        help="do not write files; fail if a derived file is out of date",
    )
    check = parser.parse_args().check
    differing = [path for folders in TREES for path in sync(*folders, check=check)]
    if check and differing:
        sys.exit(f"these files are out of date; run `make sync`: {', '.join(differing)}")


if __name__ == "__main__":
    main()
