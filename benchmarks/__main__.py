"""Run all benchmarks, print the result table and write docs/benchmarks.md.

If benchmark names or `--quick` are given, only print the table.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.calls import bulk, calls_in_flight, small_call, upload
from benchmarks.measure import HEADER, Row
from benchmarks.processes import memory, results, start

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"

# Maps each benchmark to its number of rounds.
BENCHMARKS: dict[Callable[[int], list[Row]], int] = {
    small_call: 40,
    calls_in_flight: 5,
    upload: 40,
    memory: 3,
    start: 15,
    bulk: 3,
    results: 3,
}

TEMPLATE = """\
# Benchmarks

These benchmarks compare the speed and memory usage of haut_ext with plain httpx, with aiohttp, and with
openai's Python client, which is based on httpx2, the successor of httpx.

{table}

Measured on {date} with {machine}.
The load average was {load:.1f} at the start; load from other programs makes the figures less accurate.

All benchmarks send requests to the sandbox, which runs in a separate process on the same machine. The
network latency is zero unless the table states a value. The compared clients take turns for several
rounds, and the table shows the fastest round of each. The ratio is the figure of haut_ext divided by
the figure of the other client: a lower ratio is better for durations, and a higher ratio for rates.

- In the benchmarks, openai's client sends the same request to the sandbox as haut_ext, and parses the
  response into a model of its own.
- In the benchmarks, the code that uses plain httpx sends the same requests as haut_ext, but does not
  check photos, retry requests or keep a journal of a bulk run.
- The script that uses aiohttp writes the results of many subjects to a CSV file. It sends the same
  requests as haut_ext, but does not wait for results, retry requests or keep a journal, and the
  columns of its table depend on the shape of the responses.
- With calls in flight, plain httpx is a list of clients with eight requests each, because a single
  client gets slower with each connection: httpcore inspects all connections of its pool for each
  request. The ideal rate is one response per worker and latency.

A call takes about 0.1 ms longer than with plain httpx, of which the check of the arguments takes
0.02 ms. Users cannot feel this beside the latency of the network. While a photo is sent, haut_ext
computes its MD5, to compare it with the one that the storage states. This takes about 7 ms for 5 MB,
while the network sends the bytes before. Without a network, that is to a server on the same machine,
these 7 ms add to the time of the upload. The start of a program is what users feel: it is the sum of
importing httpx, loading the certificates of the CAs, and importing haut_ext.

`make bench` runs all benchmarks in three to six minutes and writes this page. To run one benchmark and
only print its result, use `.venv/bin/python -m benchmarks NAME`. NAME is one of {names}.
"""


def main() -> None:
    available = {benchmark.__name__: benchmark for benchmark in BENCHMARKS}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *available], help="default: all")
    parser.add_argument(
        "--quick", action="store_true", help="run only two rounds of each benchmark"
    )
    arguments = parser.parse_args()
    load, _, _ = os.getloadavg()
    rows: list[Row] = []
    for name in arguments.names or available:
        benchmark = available[name]
        started = time.monotonic()
        rows += benchmark(2 if arguments.quick else BENCHMARKS[benchmark])
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    table = "\n".join([*HEADER, *map(str, rows)])
    print(table)
    if not (arguments.names or arguments.quick):
        names = ", ".join(f"`{name}`" for name in available)
        date = datetime.now(UTC).date().isoformat()
        page = TEMPLATE.format(table=table, date=date, machine=machine(), load=load, names=names)
        PAGE.write_text(page, "utf-8")


def machine() -> str:
    """Return the versions of Python and the clients, and the processor and operating system."""
    return (
        f"Python {platform.python_version()}, httpx {version('httpx')} and openai "
        f"{version('openai')} on {os.cpu_count()} processors ({processor()}), {platform.system()}"
    )


def processor() -> str:
    """Return the model name of the processor, if the system reports one."""
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        for line in cpu_info.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
