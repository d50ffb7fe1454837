"""Run the benchmarks, write docs/benchmarks.json and the table in docs/benchmarks.md.

With `--quick` every measurement is made with few rounds, to see that it runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from benchmarks.measuring import Figure, compare
from benchmarks.peers import small_calls, uploads
from benchmarks.service import service
from haut_api.api.subjects import list_subjects
from haut_api.client import AuthenticatedClient
from haut_ext import Haut

ROOT = Path(__file__).resolve().parent.parent
PHOTO = (ROOT / "examples" / "photos" / "portrait.jpg").read_bytes()


@frozen
class Result:
    """One goal: what was measured, against whom, and what came of it."""

    goal: str
    measured: str
    peer: str
    ratio: float
    wanted: str
    met: bool
    spread: float = 0.0


@contextmanager
def photo_of(size: int) -> Iterator[Path]:
    """Give a file of so many bytes that is a photo: JPEG readers stop at the end of the image."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.jpg"
        path.write_bytes(PHOTO + bytes(size - len(PHOTO)))
        yield path


def _against(
    goal: str, figures: dict[str, Figure], ours: str, peer: str, at_most: float, unit: float = 1.0
) -> Result:
    mine, theirs = figures[ours], figures[peer]
    ratio = mine.seconds / theirs.seconds
    return Result(
        goal,
        f"{ours}: {mine.seconds * 1000 / unit:.3g} ms, CPU {mine.cpu * 1000 / unit:.3g} ms",
        f"{peer}: {theirs.seconds * 1000 / unit:.3g} ms, CPU {theirs.cpu * 1000 / unit:.3g} ms",
        ratio,
        f"at most {at_most}",
        ratio <= at_most,
        max(mine.spread, theirs.spread),
    )


def upload(rounds: int) -> list[Result]:
    with service() as running, photo_of(5_000_000) as photo, uploads(running, photo) as contenders:
        figures = compare(contenders, rounds)
    limits = {"httpx": 1.05, "pycurl": 1.3}
    return [
        _against("upload and compute, 5 MB", figures, "haut_ext", peer, limits.get(peer, 1.0))
        for peer in figures
        if peer != "haut_ext"
    ]


def small_call(rounds: int) -> list[Result]:
    times = 200
    with service() as running, small_calls(running, times) as contenders:
        figures = compare(contenders, rounds)
    return [
        _against("one small call", figures, "haut_ext", "bare generated client", 1.15, times),
        _against("one small call", figures, "haut_ext", "httpx", 1.3, times),
        _against("one small call", figures, "haut.api", "bare generated client", 1.15, times),
        _against("one small call", figures, "haut_ext, asynchronous", "httpx", 3.0, times),
    ]


def paging(rounds: int) -> list[Result]:
    results: list[Result] = []
    for latency, pause, goal, at_most in (
        (0.02, 0.02, "10,000 subjects, latency 20 ms, a consumer as slow", 1 / 1.8),
        (0.0, 0.0, "10,000 subjects, no latency", 1.1),
    ):
        with (
            service(subjects=10_000, latency=latency) as running,
            Haut(**running.credentials) as haut,
            _bare(running.credentials) as bare,
        ):

            def ahead(haut: Haut = haut, pause: float = pause) -> None:
                for number, _ in enumerate(haut.subjects.iterate(), 1):
                    if pause and number % 100 == 0:
                        time.sleep(pause)

            def page_by_page(
                bare: AuthenticatedClient = bare, haut: Haut = haut, pause: float = pause
            ) -> None:
                number: int | None = 1
                company, dataset = haut.scope.company_id, haut.scope.dataset()
                while number is not None:
                    page: Any = list_subjects.sync(company, dataset, client=bare, page=number)
                    for _ in page.results:
                        pass
                    time.sleep(pause)
                    number = number + 1 if page.next_ else None

            figures = compare({"haut_ext": ahead, "page by page": page_by_page}, rounds)
        results.append(_against(goal, figures, "haut_ext", "page by page", round(at_most, 3)))
    return results


@contextmanager
def _bare(credentials: Any) -> Iterator[AuthenticatedClient]:
    with AuthenticatedClient(
        base_url=credentials["base_url"], token=credentials["token"]
    ) as client:
        yield client


def memory(rounds: int) -> list[Result]:
    """Peak resident size, each measured in a process of its own."""
    del rounds
    results: list[Result] = []
    with service() as running, photo_of(31_000_000) as large, photo_of(300_000) as small:
        environment = _environment(running.credentials)
        ours = _peak(_UPLOAD.format(kind="haut_ext"), environment, running.subject_id, small, large)
        theirs = _peak(_UPLOAD.format(kind="httpx"), environment, running.subject_id, small, large)
        results.append(
            Result(
                "30 MiB upload, growth of the peak",
                f"haut_ext: {ours / 1024:.2f} MiB",
                f"httpx, streaming: {theirs / 1024:.2f} MiB",
                (ours - theirs) / 1024,
                "at most 1 MiB more",
                ours - theirs <= 1024,
            )
        )
    with service(subjects=100_000) as running:
        environment = _environment(running.credentials)
        grown = _peak(_ITERATE, environment, "10000", "100000")
        results.append(
            Result(
                "iterate 100,000 subjects instead of 10,000",
                f"haut_ext: {grown / 1024:.1f} MiB more",
                "",
                grown / 1024,
                "flat; the ids seen are kept",
                grown <= 1024,
            )
        )
    return results


_UPLOAD = """
import sys, httpx
from haut_ext import Haut
subject, small, large = sys.argv[1:]
def peak():
    text = open("/proc/self/status").read()
    return int(text.partition("VmHWM:")[2].split()[0])
haut = Haut.from_env()
def with_haut_ext(path): haut.upload_and_compute(subject, front=path)
plain = httpx.Client()
def with_httpx(path):
    target = haut.images.request_upload(subject).upload_url
    headers = target.headers.additional_properties
    with open(path, "rb") as file:
        plain.put(target.url, headers=headers, content=file).raise_for_status()
for _ in range(3): with_{kind}(small)
open("/proc/self/clear_refs", "w").write("5")  # the peak so far is forgotten
before = peak()
with_{kind}(large)
print(peak() - before)
"""

_ITERATE = """
import sys, itertools
from haut_ext import Haut
few, many = map(int, sys.argv[1:])
def peak():
    text = open("/proc/self/status").read()
    return int(text.partition("VmHWM:")[2].split()[0])
haut = Haut.from_env()
for _ in itertools.islice(haut.subjects.iterate(), few): pass
open("/proc/self/clear_refs", "w").write("5")  # the peak so far is forgotten
before = peak()
for _ in itertools.islice(haut.subjects.iterate(), many): pass
print(peak() - before)
"""


def _environment(credentials: Any) -> dict[str, str]:
    return {**os.environ, **{f"HAUT_{name.upper()}": text for name, text in credentials.items()}}


def _peak(code: str, environment: dict[str, str], *arguments: object) -> int:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


def imports(rounds: int) -> list[Result]:
    """Start of an interpreter that imports, less one that imports nothing."""

    def starting(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    figures = compare(
        {
            "import haut_ext": starting("from haut_ext import Haut"),
            "import httpx": starting("import httpx"),
            "nothing": starting(""),
        },
        rounds,
    )
    extra = (figures["import haut_ext"].seconds - figures["import httpx"].seconds) * 1000
    nothing = figures["nothing"].seconds
    return [
        Result(
            "import, over httpx",
            f"haut_ext: {(figures['import haut_ext'].seconds - nothing) * 1000:.0f} ms",
            f"httpx: {(figures['import httpx'].seconds - nothing) * 1000:.0f} ms",
            extra,
            "at most 25 ms more",
            extra <= 25,
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it runs")
    quick = parser.parse_args().quick
    results: list[Result] = []
    for measure, rounds in (
        (upload, 25),
        (small_call, 15),
        (paging, 5),
        (memory, 1),
        (imports, 15),
    ):
        print(f"{measure.__name__} ...", file=sys.stderr, flush=True)
        found = measure(2 if quick else rounds)
        for result in found:
            print(_row(result), flush=True)
        results += found
    if quick:
        return
    write(results)


def _row(result: Result) -> str:
    cells = (
        result.goal,
        result.measured,
        result.peer,
        f"{result.ratio:.2f}",
        result.wanted,
        "yes" if result.met else "no",
        f"{result.spread:.0%}",
    )
    return "| " + " | ".join(cells) + " |"


def write(results: list[Result]) -> None:
    machine = {
        "python": platform.python_version(),
        "httpx": version("httpx"),
        "processors": os.cpu_count(),
        "system": platform.system(),
        "load": statistics.fmean(os.getloadavg()),
    }
    content = {"machine": machine, "results": [asdict(result) for result in results]}
    (ROOT / "docs" / "benchmarks.json").write_text(json.dumps(content, indent=2) + "\n")
    page = ROOT / "docs" / "benchmarks.md"
    before, _, rest = page.read_text("utf-8").partition("<!-- table -->\n")
    _, _, after = rest.partition("<!-- end of table -->\n")
    table = [
        f"Python {machine['python']}, httpx {machine['httpx']}, {machine['processors']} processors, "
        f"{machine['system']}; medians.",
        "",
        "| what | ours | the peer | ratio, or difference | wanted | met | spread |",
        "|---|---|---|---|---|---|---|",
        *map(_row, results),
        "",
    ]
    page.write_text(
        f"{before}<!-- table -->\n" + "\n".join(table) + f"<!-- end of table -->\n{after}", "utf-8"
    )


if __name__ == "__main__":
    main()
