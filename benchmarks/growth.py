"""What a row costs as the work grows: bulk runs of 1,000 to 100,000 rows, each in a new process.

Not part of a usual run: it takes a quarter of an hour. Photos are small and the sandbox answers at
once, so that what is seen is the client's own cost. Writes docs/growth.json and docs/growth.png.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib
from attrs import asdict, frozen
from matplotlib import pyplot
from PIL import Image

from benchmarks.report import DOCS, Result
from benchmarks.service import service

# An erased subject costs seven requests and a receipt, an uploaded photo three.
SIZES = {"upload": (1_000, 3_000, 10_000, 30_000, 100_000), "erase": (1_000, 3_000, 10_000)}


@frozen
class Run:
    """One bulk run.

    Attributes:
        work: `upload` or `erase`.
        rows: How many.
        seconds: From the first to the last.
        peak: Of the process's resident memory, in MiB.
    """

    work: str
    rows: int
    seconds: float
    peak: float


_RUN = """
import json, sys, time
from haut_ext import Haut
from haut_ext.bulk import bulk_erase, bulk_upload
work, ids, photo, folder = sys.argv[1:]
def lines():
    with open(ids) as file:
        yield from map(str.strip, file)
with Haut.from_env() as haut:
    began = time.perf_counter()
    if work == "upload":
        rows = ({"subject_id": line, "front": photo} for line in lines())
        report = bulk_upload(haut, rows, journal=f"{folder}/journal")
    else:
        report = bulk_erase(haut, lines(), journal=f"{folder}/journal", receipts=f"{folder}/receipts")
    seconds = time.perf_counter() - began
status = open("/proc/self/status").read()
peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
print(json.dumps([report.done, seconds, peak]))
"""


def growth(rounds: int) -> list[Result]:
    quick = rounds > 1
    runs: list[Run] = []
    for work, sizes in SIZES.items():
        for rows in sizes[: 2 if quick else None]:
            runs.append(_run(work, rows))
            print(runs[-1], file=sys.stderr, flush=True)
    if not quick:
        content = json.dumps([asdict(run) for run in runs], indent=2)
        (DOCS / "growth.json").write_text(content + "\n", "utf-8")
        plot(runs, DOCS / "growth.png")
    return [
        Result(
            f"bulk {run.work}, {run.rows:,} rows: ms a row",
            f"{run.rows / run.seconds:,.0f} rows a second, peak {run.peak:.0f} MiB",
            "",
            run.seconds / run.rows * 1000,
        )
        for run in runs
    ]


def _run(work: str, rows: int) -> Run:
    with service() as running, tempfile.TemporaryDirectory() as folder:
        photo, ids = Path(folder) / "photo.jpg", Path(folder) / "ids.txt"
        Image.new("RGB", (256, 256)).save(photo)
        ids.write_text("".join(f"{subject}\n" for subject in running.renew(rows)))
        names = {f"HAUT_{name.upper()}": str(value) for name, value in running.credentials.items()}
        done = subprocess.run(
            [sys.executable, "-c", _RUN, work, ids, photo, folder],
            env={**os.environ, **names},
            capture_output=True,
            text=True,
            check=True,
        )
    finished, seconds, peak = json.loads(done.stdout)
    assert finished == rows
    return Run(work, rows, seconds, peak)


def plot(runs: list[Run], path: Path) -> None:
    """Draw rows against seconds and memory."""
    matplotlib.use("Agg")
    figure, (time, memory) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for work in ("upload", "erase"):
        some = [run for run in runs if run.work == work]
        rows = [run.rows for run in some]
        time.plot(rows, [run.seconds for run in some], "o-", label=f"bulk {work}")
        memory.plot(rows, [run.peak for run in some], "o-", label=f"bulk {work}")
    time.set(xscale="log", yscale="log", xlabel="rows", ylabel="seconds")
    memory.set(
        xscale="log", xlabel="rows", ylabel="peak memory of the process, MiB", ylim=(0, None)
    )
    for axes in (time, memory):
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=110, metadata={"Software": None})
