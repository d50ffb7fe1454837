"""From the service's Swagger to a change set that only waits for review: `make refresh SPEC=...`.

Pull, validate, lint, generate, diff, changelog, tests, in this order; nothing is committed. A step that
fails stops the run and says what to mend. Nothing is written before the pulled document is known to be
valid; from then on each step leaves what helps to mend the one that failed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

from attrs import define, field, frozen

from scripts.generate import OVERLAY, overlaid
from scripts.spec import diff, evidence
from scripts.spec.document import ROOT, Json, SpecError, command, dump
from scripts.spec.pull import pull, write

BASE = "HEAD"
BUILD = ROOT / "build"
REPORT = BUILD / "refresh.md"
REJECTED = BUILD / "rejected.yaml"
CHANGELOG = ROOT / "CHANGELOG.md"


@frozen
class Step:
    """A step, and how things stand when it fails."""

    name: str
    run: Callable[[], str]
    when_failed: str


@define
class Refresh:
    """A refresh from one source; each step leaves to the next what it has found."""

    source: str
    document: Json = field(factory=dict)
    report: diff.Report | None = None

    def steps(self) -> list[Step]:
        report, rejected = REPORT.relative_to(ROOT), REJECTED.relative_to(ROOT)
        return [
            Step("pull", self.pull, "Nothing was changed."),
            Step(
                "validate",
                self.validate,
                f"Nothing was changed; what was pulled lies in {rejected}.",
            ),
            Step(
                "lint",
                _lint,
                "haut.yaml is what was pulled. Switch off in openapi/redocly.yaml, with the reason, "
                "the rule that the service breaks; then run this again.",
            ),
            Step(
                "generate",
                lambda: _make("generate"),
                "haut.yaml is what was pulled, generated/ is as it was. Mend openapi/overlay.yaml; "
                "then run this again.",
            ),
            Step("diff", self.compare, "haut.yaml and generated/ are new."),
            Step("changelog", self.log, f"haut.yaml, generated/ and {report} are new."),
            Step(
                "tests",
                lambda: _make("test"),
                f"haut.yaml, generated/, CHANGELOG.md and {report} are new. Mend haut_ext, the "
                "sandbox and the cassettes; then run `make test`.",
            ),
        ]

    def pull(self) -> str:
        self.document = pull(self.source, os.environ.get("HAUT_TOKEN"))
        return f"{len(self.document['paths'])} paths"

    def validate(self) -> str:
        # As the generator will see it, so that the overlay can mend a fault upstream.
        try:
            overlaid(OVERLAY, self.document)
        except SpecError:
            BUILD.mkdir(exist_ok=True)
            REJECTED.write_text(dump(self.document), "utf-8")
            raise
        return "haut.yaml is new" if write(self.document) else "valid, and no change upstream"

    def compare(self) -> str:
        self.report = diff.compare(BASE)
        BUILD.mkdir(exist_ok=True)
        REPORT.write_text(f"{diff.render(self.report)}\n{evidence.render(BASE)}", "utf-8")
        return f"{self.report.severity.name.lower()}; see {REPORT.relative_to(ROOT)}"

    def log(self) -> str:
        assert self.report is not None
        before = CHANGELOG.read_text("utf-8")
        after = with_entry(before, self.report)
        CHANGELOG.write_text(after, "utf-8")
        return "nothing to say" if after == before else "an entry in the unreleased section"


def _lint() -> str:
    command = [sys.executable, "-m", "scripts.lint_spec"]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise SpecError(
            "the linter reports errors; run `python -m scripts.lint_spec` to see them again"
        )
    return "passed"


def _make(target: str) -> str:
    command = ["make", "--no-print-directory", target]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise SpecError(f"`make {target}` fails")
    return "passed"


def with_entry(changelog: str, report: diff.Report) -> str:
    """Return the changelog with a line for each change, in its unreleased section."""
    lines = [line for line in _lines(report) if line not in changelog]
    if not lines:
        return changelog
    heading = re.search(r"^## .*unreleased.*$", changelog, re.MULTILINE)
    if heading is None:
        first = re.search(r"^## ", changelog, re.MULTILINE)
        at = first.start() if first else len(changelog)
        section = f"## {report.next_version}, unreleased\n\n"
        return changelog[:at] + section + "\n".join(lines) + "\n\n" + changelog[at:]
    following = re.compile(r"^## ", re.MULTILINE).search(changelog, heading.end())
    end = following.start() if following else len(changelog)
    section = changelog[:end].rstrip()
    # A heading is followed by an empty line, a line of the section by the next one.
    gap = "\n\n" if section.endswith(heading[0]) else "\n"
    rest = "\n\n" + changelog[end:] if following else "\n"
    return section + gap + "\n".join(lines) + rest


def _lines(report: diff.Report) -> Iterator[str]:
    for change in report.wire.changes:
        mark = "**breaking** " if change.breaking else ""
        users = diff.operations_of(change.operations - {change.subject}, report.wire)
        yield f"- {mark}`{change.subject}`: {change.text}" + (f", in {users}." if users else ".")
    for difference in report.python:
        # What nobody can import any more; the other breaks are those of the wire, in Python's words.
        if difference.text in ("module removed", "class removed"):
            yield f"- **breaking** `{difference.name}`: {difference.text}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("source", help="path or address of an OpenAPI 3.0 or 3.1 document")
    for step in Refresh(parser.parse_args().source).steps():
        command(
            f"refresh: {step.name} failed",
            lambda step=step: print(f"{step.name}: {step.run()}", flush=True),  # type: ignore[misc]
            when_failed=f"\n{step.when_failed}",
        )
    print("The change set is ready for review: git diff")


if __name__ == "__main__":
    main()
