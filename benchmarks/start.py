"""How long it takes until a program can begin: goal 6. Whole processes, less one that does nothing."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import Figure, compare, middle, ratios
from benchmarks.report import Result

_CLIENT = "Haut(token='t', company_id='00000000-0000-4000-8000-000000000000')"
_PROGRAMS = {
    "nothing": "",
    "import httpx": "import httpx",
    "import haut_ext": "import haut_ext",
    "from haut_ext import Haut": "from haut_ext import Haut",
    "httpx.Client()": "import httpx; httpx.Client()",
    "Haut(...)": f"from haut_ext import Haut; {_CLIENT}",
    "import openai": "import openai",
}


def start(rounds: int) -> list[Result]:
    def process(*command: str) -> Callable[[None], object]:
        return lambda _: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    haut = str(Path(sys.executable).with_name("haut"))
    found = compare(
        {
            **{name: process(sys.executable, "-c", code) for name, code in _PROGRAMS.items()},
            "haut --help": process(haut, "--help"),
        },
        rounds,
        prepare=lambda: None,
    )

    def longer(ours: str, theirs: str) -> tuple[str, str, float, float]:
        pairs = zip(found[ours].walls, found[theirs].walls, strict=True)
        more, spread = middle([(mine - other) * 1000 for mine, other in pairs])
        nothing = statistics.median(found["nothing"].walls)
        return (
            _shown(ours, found[ours], nothing),
            _shown(theirs, found[theirs], nothing),
            more,
            spread,
        )

    more = longer("import haut_ext", "import httpx")
    whole = ratios(found["haut --help"], found["import httpx"])
    return [
        Result("importing, ms more", *more, "at most 25", more[2] <= 25),
        Result("importing a face, ms more", *longer("from haut_ext import Haut", "import httpx")),
        Result("making a client, ms more", *longer("Haut(...)", "httpx.Client()")),
        Result("importing, ms more", *longer("import openai", "import httpx")),
        Result(
            "the command line's help, whole processes",
            f"haut --help: {statistics.median(found['haut --help'].walls) * 1000:.0f} ms",
            f"python -c 'import httpx': {statistics.median(found['import httpx'].walls) * 1000:.0f} ms",
            *whole,
            "at most 1.5",
            whole[0] <= 1.5,
        ),
    ]


def _shown(name: str, figure: Figure, nothing: float) -> str:
    return f"{name}: {(statistics.median(figure.walls) - nothing) * 1000:.0f} ms"
