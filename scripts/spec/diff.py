"""Report, for a reviewer, what the contract's change since a git revision means.

On the wire the two haut.yaml are compared (`wire`), in Python the two packages: the one checked in at
the revision, and the one that the working tree generates (`surface`). Exit status 0: nothing, or words
only; 1: compatible changes; 2: breaking ones; 3: no comparison could be made.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from enum import IntEnum
from pathlib import Path

from attrs import frozen
from openapi_python_client.strings import snake_case

from scripts import generate
from scripts.spec import surface, touched, wire
from scripts.spec.document import ROOT, SPEC, SpecError, parse


class Severity(IntEnum):
    """How much a change asks of callers; also the exit status."""

    NONE = 0
    COMPATIBLE = 1
    BREAKING = 2


@frozen
class Report:
    """Everything that is known of the change since a revision."""

    base: str
    version: str
    wire: wire.Comparison
    python: list[surface.Difference]

    @property
    def severity(self) -> Severity:
        changes = [change.breaking for change in self.wire.changes]
        changes += [difference.breaking for difference in self.python]
        if not changes:
            return Severity.NONE
        return Severity.BREAKING if any(changes) else Severity.COMPATIBLE

    @property
    def next_version(self) -> str:
        """The least version that semantic versioning allows after the revision's."""
        major, minor, patch = map(int, self.version.split("."))
        if self.severity is Severity.NONE:
            return self.version
        # Below 1.0.0 the minor number tells of breaks.
        if self.severity is Severity.BREAKING:
            return f"{major + 1}.0.0" if major else f"0.{minor + 1}.0"
        return f"{major}.{minor + 1}.0" if major else f"0.{minor}.{patch + 1}"


# --- the two sides


def compare(base: str) -> Report:
    """Compare the working tree with a git revision.

    Raises:
        SpecError: If that cannot be done.
    """
    then = at_revision(base, "openapi/haut.yaml")
    version = re.search(r'__version__ = "(.+)"', at_revision(base, "haut_ext/_version.py"))
    if version is None:
        raise SpecError(f"haut_ext/_version.py at {base} does not define __version__")
    changes = wire.compare(
        parse(then, f"{SPEC.name} at {base}"), parse(SPEC.read_text("utf-8"), SPEC.name)
    )
    with tempfile.TemporaryDirectory() as old, tempfile.TemporaryDirectory() as new:
        archive = _git("archive", "--format=tar", base, "generated/haut_api")
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(old, filter="data")
        try:
            generate.generate(Path(new) / surface.PACKAGE)
        except subprocess.CalledProcessError:
            raise SpecError("the generator does not accept the working tree's spec") from None
        python = surface.compare(Path(old) / "generated", Path(new))
    return Report(base, version[1], changes, python)


def at_revision(base: str, path: str) -> str:
    """Return a file's text at a git revision.

    Raises:
        SpecError: If the revision or the file in it does not exist.
    """
    return _git("show", f"{base}:{path}").decode()


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise SpecError(f"git: {done.stderr.decode().strip()}")
    return done.stdout


# --- the report


def render(report: Report) -> str:
    """Return the report in Markdown."""
    lines = [f"# What changed in the API since {report.base}", ""]
    counts = [
        f"{sum(breaking for breaking in found)} breaking and "
        f"{sum(not breaking for breaking in found)} compatible {where}"
        for where, found in (
            ("on the wire", [change.breaking for change in report.wire.changes]),
            ("in Python", [difference.breaking for difference in report.python]),
        )
    ]
    lines.append(f"{report.severity.name.capitalize()}: {', '.join(counts)}.")
    if report.wire.wordings:
        lines.append(f"Words only: {report.wire.wordings} descriptions and the like.")
    if report.severity is not Severity.NONE:
        lines.append(f"Next version after {report.version}: at least {report.next_version}.")
        lines += ["", "## On the wire", *_wire(report.wire), "", "## In Python", *_python(report)]
        lines += ["", "## What rests on it here", *_touched(report)]
    return "\n".join(lines) + "\n"


def _wire(found: wire.Comparison) -> Iterator[str]:
    if not found.changes:
        yield from ("", "Nothing.")
    for group in wire.Group:
        rows = [
            (
                _verdict(change.breaking),
                _code(change.subject),
                _escaped(change.text),
                operations_of(change.operations - {change.subject}, found),
            )
            for change in found.changes
            if change.group is group
        ]
        if rows:
            yield from ("", f"### {group}", "")
            yield from _table(("", group.removesuffix("s"), "Change", "In"), rows)


def _python(report: Report) -> Iterator[str]:
    yield ""
    if not report.python:
        yield "Nothing."
        return
    prefix = f"{surface.PACKAGE}."
    rows = [
        (
            _verdict(difference.breaking),
            _code(difference.name.removeprefix(prefix)),
            _escaped(difference.text),
        )
        for difference in report.python
    ]
    yield from _table(("", f"In `{surface.PACKAGE}`", "Change"), rows)


def _touched(report: Report) -> Iterator[str]:
    operations = report.wire.operations
    keys = {key for change in report.wire.changes for key in change.operations} & operations.keys()
    held = touched.cassettes(operations)
    modules = {key: snake_case(operations[key].id) for key in keys}
    promises = touched.promises(modules.values())
    rows = []
    for key in sorted(keys, key=lambda key: operations[key].id):
        name = operations[key].id
        resting = promises[modules[key]]
        rows.append((_code(name), ", ".join(map(_code, resting)), str(len(held.get(key, [])))))
    yield ""
    if not rows:
        yield "Nothing."
        return
    yield from _table(("Operation", "`haut_ext`", "Cassettes"), rows)
    cassettes = sorted({name for key in keys for name in held.get(key, [])})
    if cassettes:
        yield from ("", f"Cassettes to record again: {', '.join(map(_code, cassettes))}.")


def _verdict(breaking: bool) -> str:
    return "**breaking**" if breaking else "compatible"


def operations_of(keys: Iterable[str], found: wire.Comparison) -> str:
    """Return the names of some operations, in words."""
    names = sorted(found.operations[key].id if key in found.operations else key for key in keys)
    if len(names) == len(found.operations):
        return "every operation"
    return ", ".join(_code(name) for name in names)


def _code(text: str) -> str:
    return f"`{text}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    head = list(head)
    yield f"| {' | '.join(head)} |".replace("|  |", "| |", 1)
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("base", nargs="?", default="HEAD", help="git revision; HEAD if not given")
    try:
        report = compare(parser.parse_args().base)
    except SpecError as error:
        print(f"spec-diff: {error}", file=sys.stderr)
        sys.exit(3)
    print(render(report), end="")
    sys.exit(report.severity)


if __name__ == "__main__":
    main()
