"""What became of the mutants of `make mutate`: a table by module, then each survivor as a change.

mutmut keeps its results in mutants/, one file beside each module, and has no table of its own. With
`names N` this prints the name of every Nth mutant instead, to be given to `mutmut run`: a complete
run takes hours.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MUTANTS = ROOT / "mutants"
LEAST_KILLED = 0.85

GROUPS = {
    "wire": ("wire/", "_async/transport", "_async/network", "_async/tokens", "_async/body"),
    "paging": ("_async/paging",),
    "upload": ("_async/uploading",),
    "erasure": ("_async/erasing",),
}
OUTCOMES = ("killed", "timeout", "survived", "not run")
_KILLED, _SURVIVED, _NOT_RUN = {1, 3}, {0, 5, 33}, {None, 2}
"""Exit codes of pytest, and of mutmut for a mutant that no test reaches (33); others are signals."""


def results() -> dict[str, dict[str, str]]:
    """Return the outcome of each mutant, by module and name."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted((MUTANTS / "haut_ext").rglob("*.meta")):
        codes: dict[str, int | None] = json.loads(path.read_text("utf-8"))["exit_code_by_key"]
        module = path.relative_to(MUTANTS / "haut_ext").as_posix().removesuffix(".py.meta")
        if codes:
            found[module] = {name: _outcome(code) for name, code in codes.items()}
    return found


def _outcome(code: int | None) -> str:
    if code in _NOT_RUN:
        return "not run"
    return "killed" if code in _KILLED else "survived" if code in _SURVIVED else "timeout"


def _line(name: str, outcomes: list[str]) -> tuple[str, float]:
    """Return a line of the table, and the share of the mutants run that did not survive."""
    count = Counter(outcomes)
    run = len(outcomes) - count["not run"]
    share = 1 - count["survived"] / run if run else 1.0
    numbers = "".join(f"{count[outcome]:10}" for outcome in OUTCOMES)
    return f"{name:20}{numbers}{share:10.1%}", share


def main() -> int:
    """Print names or the table; return 1 if a group is below the least share killed."""
    found = results()
    if sys.argv[1:2] == ["names"]:
        every = int(sys.argv[2])
        print(*(name for names in found.values() for name in list(names)[::every]), sep="\n")
        return 0
    print("module".ljust(20) + "".join(f"{outcome:>10}" for outcome in OUTCOMES) + "    caught")
    for module, outcomes in found.items():
        print(_line(module, list(outcomes.values()))[0])
    print()
    shares: list[float] = []
    for group, prefixes in GROUPS.items():
        members = [found[module] for module in found if module.startswith(prefixes)]
        line, share = _line(group, [outcome for one in members for outcome in one.values()])
        shares.append(share)
        print(line)
    every_outcome = [outcome for outcomes in found.values() for outcome in outcomes.values()]
    print(_line("all", every_outcome)[0])
    for outcomes in found.values():
        for name, outcome in outcomes.items():
            if outcome == "survived":
                shown = subprocess.run(
                    [Path(sys.executable).with_name("mutmut"), "show", name],
                    cwd=ROOT,
                    capture_output=True,
                    text=True,
                    check=True,
                )
                print(f"\n{shown.stdout.strip()}")
    return int(min(shares) < LEAST_KILLED)


if __name__ == "__main__":
    sys.exit(main())
