"""Run the benchmarks and print their tables; all of them, and they are written into docs/.

With names, only those are run, and nothing is written. With `--quick` each has few rounds, to see
that it runs. With `--elsewhere`, upload and small_call are run on the service that HAUT_TOKEN,
HAUT_COMPANY_ID, HAUT_DATASET_ID and HAUT_BASE_URL name; where that is the real one, uploads are billed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from benchmarks.bulk import bulk_erase, bulk_upload
from benchmarks.calls import paging, small_call, upload
from benchmarks.capacity import sandbox
from benchmarks.growth import growth
from benchmarks.memory import memory
from benchmarks.profile import profile
from benchmarks.report import HEAD, Result, write
from benchmarks.service import service_of_environment
from benchmarks.start import start

Measure = Callable[..., list[Result]]

# With how many rounds each is run; a round of the profile is a second.
MEASURES: dict[Measure, int] = {
    upload: 25,
    memory: 3,
    small_call: 15,
    paging: 5,
    bulk_upload: 5,
    bulk_erase: 3,
    start: 11,
    profile: 8,
    sandbox: 7,
}


def main() -> None:
    names = {measure.__name__: measure for measure in (*MEASURES, growth)}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *names], help="all but growth")
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it runs")
    parser.add_argument("--elsewhere", action="store_true", help="not on the sandbox; see above")
    arguments = parser.parse_args()
    if arguments.elsewhere:
        chosen: list[Measure] = [upload, small_call]
    else:
        chosen = [names[name] for name in arguments.names] or list(MEASURES)
    measured: dict[str, list[Result]] = {}
    for measure in chosen:
        began = time.monotonic()
        rounds = 2 if arguments.quick else MEASURES.get(measure, 1)
        more = {"where": service_of_environment} if arguments.elsewhere else {}
        measured[measure.__name__] = found = measure(rounds, **more)
        print("\n".join([f"\n{measure.__name__}", *HEAD, *(result.row for result in found)]))
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    if not (arguments.names or arguments.quick or arguments.elsewhere):
        write(measured)


if __name__ == "__main__":
    main()
