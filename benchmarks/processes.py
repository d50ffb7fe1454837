"""Benchmarks of the start time, the peak memory and bulk results, measured in new processes."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from tempfile import TemporaryDirectory

from benchmarks.measure import Row, compare, duration_row, rate_row
from benchmarks.server import Server, create_photos, serve
from haut_ext import Haut
from haut_ext.bulk import bulk_results, bulk_upload

_START_HAUT = "from haut_ext import Haut; Haut()"
_START_HTTPX = "import httpx; httpx.Client()"

# VmHWM is the peak resident memory of a process on Linux; writing 5 to clear_refs resets it.
_PEAK = """
def peak():
    with open("/proc/self/status") as file:
        return int(file.read().partition("VmHWM:")[2].split()[0]) / 1024
"""

_UPLOAD = f"""
import sys
import httpx
from haut_ext import Haut
{_PEAK}
def upload_with_httpx(path):
    target = haut.images.request_upload(subject_id).upload_url
    headers = target.headers.additional_properties
    with open(path, "rb") as file:
        client.put(target.url, headers=headers, content=file).raise_for_status()

name, subject_id, small, large = sys.argv[1:]
haut, client = Haut(), httpx.Client()
uploads = {{
    "Haut": lambda path: haut.upload_and_compute(subject_id, front=path),
    "httpx.Client": upload_with_httpx,
}}
for _ in range(3):
    uploads[name](small)
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before = peak()
uploads[name](large)
print(peak() - before)
"""

_RESULTS_WITH_HAUT = """
from haut_ext import Haut
from haut_ext.bulk import bulk_results

def export(subjects, to):
    with Haut() as haut:
        assert bulk_results(haut, subjects=subjects, to=to, max_in_flight=IN_FLIGHT).problems is None
"""

_RESULTS_WITH_AIOHTTP = """
import asyncio, csv, os
import aiohttp

BASE = os.environ["HAUT_BASE_URL"]
COMPANY = "/api/v1/companies/" + os.environ["HAUT_COMPANY_ID"]
DATASET = COMPANY + "/datasets/" + os.environ["HAUT_DATASET_ID"]
HEADERS = {"Authorization": "Bearer " + os.environ["HAUT_TOKEN"]}

async def read(session, subjects, table):
    for subject in subjects:
        async with session.get(f"{COMPANY}/subjects/{subject}/images/") as response:
            images = (await response.json())["results"]
        for image in images:
            batch = f"{DATASET}/subjects/{subject}/batches/{image['image_batch_id']}"
            async with session.get(f"{batch}/images/{image['id']}/results/") as response:
                results = await response.json()
            for result in results:
                family = result["result"]["algorithm_tech_name"]
                for area in result["result"]["area_results"] or ():
                    metrics = [area["main_metric"], *(area["sub_metrics"] or ())]
                    for metric in filter(None, metrics):
                        row = subject, image["id"], image["side"], image["created_at"]
                        cells = area["area_name"], metric["tech_name"], metric["value"]
                        table.writerow([*row, family, *cells, metric["units"]])

async def main(subjects, to):
    remaining = iter(subjects)
    with open(to, "w", newline="") as file:
        async with aiohttp.ClientSession(BASE, headers=HEADERS, raise_for_status=True) as session:
            table = csv.writer(file)
            await asyncio.gather(*(read(session, remaining, table) for _ in range(IN_FLIGHT)))

def export(subjects, to):
    asyncio.run(main(subjects, to))
"""

_MEASURE_RESULTS = """
import sys, time
folder, *subjects = sys.argv[1:]
export(subjects[:20], folder + "/warm_up.csv")
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before, started = peak(), time.perf_counter()
export(subjects, folder + "/table.csv")
print(time.perf_counter() - started, peak() - before)
"""


def start(rounds: int) -> list[Row]:
    """Measure the duration of a Python process that only creates a client."""

    def run(code: str) -> Callable[[None], object]:
        return lambda _: _run_python(server, code)

    with serve() as server:
        seconds = compare(
            {_START_HAUT: run(_START_HAUT), _START_HTTPX: run(_START_HTTPX)},
            rounds,
            prepare=lambda: None,
        )
    return [duration_row("Start Python and create a client", seconds, _START_HAUT, _START_HTTPX)]


def memory(rounds: int) -> list[Row]:
    """Measure how much the peak memory grows while a photo of 31 MB is uploaded."""
    growth: dict[str, list[float]] = {"Haut": [], "httpx.Client": []}
    with serve() as server, create_photos(300_000) as [small], create_photos(31_000_000) as [large]:
        for _ in range(rounds):
            for name, values in growth.items():
                output = _run_python(
                    server, _UPLOAD, name, server.subject_id, str(small), str(large)
                )
                values.append(float(output))
    ours, theirs = (f"{name}: {min(values):.1f} MiB" for name, values in growth.items())
    return [Row("Upload a 31 MB photo: growth of the peak memory", ours, theirs, "")]


def results(rounds: int) -> list[Row]:
    """Measure the rate and the memory of writing the results of 200 subjects to a table."""
    count, in_flight = 200, 8
    contenders = {"bulk_results": _RESULTS_WITH_HAUT, "aiohttp": _RESULTS_WITH_AIOHTTP}
    seconds, growth = (dict.fromkeys(contenders, math.inf) for _ in range(2))
    with serve(latency=0.025) as server, create_photos(100_000) as [photo]:
        subjects = server.create_subjects(count)
        rows = [{"subject_id": subject, "front": photo} for subject in subjects]
        with Haut(**server.credentials) as haut, TemporaryDirectory() as folder:
            bulk_upload(haut, rows, journal=f"{folder}/journal", max_in_flight=32)
            bulk_results(haut, subjects=subjects, to=f"{folder}/results.csv", max_in_flight=32)
        for _ in range(rounds):
            for name, code in contenders.items():
                script = f"IN_FLIGHT = {in_flight}\n{code}{_PEAK}{_MEASURE_RESULTS}"
                with TemporaryDirectory() as folder:
                    duration, grown = map(
                        float, _run_python(server, script, folder, *subjects).split()
                    )
                seconds[name] = min(seconds[name], duration / count)
                growth[name] = min(growth[name], grown)
    task = f"Results of {count} subjects as CSV, {in_flight} at a time, 25 ms latency"
    ours, theirs = (f"{name}: {value:.1f} MiB" for name, value in growth.items())
    return [
        rate_row(task, seconds, "bulk_results", "aiohttp"),
        Row(f"{task}: growth of the peak memory after 20 subjects", ours, theirs, ""),
    ]


def _run_python(server: Server, code: str, *arguments: str) -> str:
    """Run Python code in a process that has the sandbox's credentials, and return its output."""
    settings = {f"HAUT_{name.upper()}": str(value) for name, value in server.credentials.items()}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
