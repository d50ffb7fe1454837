"""Turn the service's current Swagger into a change set for review: `make refresh SPEC=...`.

The steps are pull, validate, lint, generate, diff, changelog and tests; nothing is committed. If a step
fails, the run stops with an error that says how to continue. No file of the contract is written before
the pulled document is valid. Each step keeps its output, so that a failed step can be debugged.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

from attrs import define, field, frozen

from scripts.generate import OVERLAY, load_contract
from scripts.spec import diff, evidence
from scripts.spec.document import ROOT, Json, SpecError, command, dump
from scripts.spec.pull import pull, source_argument, write

BASE = "HEAD"
BUILD = ROOT / "build"
REPORT = BUILD / "refresh.md"
REJECTED = BUILD / "rejected.yaml"
CHANGELOG = ROOT / "CHANGELOG.md"


@frozen
class Step:
    """A step of the refresh.

    Attributes:
        name: The name of the step.
        run: Runs the step; returns a short summary.
        when_failed: State of the working tree after a failure, and how to continue.
    """

    name: str
    run: Callable[[], str]
    when_failed: str


@define
class Refresh:
    """A refresh of the contract from one source.

    Attributes:
        source: Path or URL of the document.
        document: The pulled document, after the step "pull".
        report: The comparison with the last commit, after the step "diff".
    """

    source: str
    document: Json = field(factory=dict)
    report: diff.Report | None = None

    def steps(self) -> list[Step]:
        """Return the steps in their order."""
        report, rejected = REPORT.relative_to(ROOT), REJECTED.relative_to(ROOT)
        return [
            Step("pull", self.pull, "No file was changed."),
            Step(
                "validate",
                self.validate,
                f"The contract was not changed; the pulled document is in {rejected}.",
            ),
            Step(
                "lint",
                _lint,
                "haut.yaml was replaced. If the service breaks a rule of the linter, switch the rule "
                "off in openapi/redocly.yaml, with the reason, and run the refresh again.",
            ),
            Step(
                "generate",
                lambda: _make("generate"),
                "haut.yaml was replaced; generated/ was not changed. Correct the document in "
                "openapi/overlay.yaml, and run the refresh again.",
            ),
            Step("diff", self.compare, "haut.yaml and generated/ were updated."),
            Step("changelog", self.log, f"haut.yaml, generated/ and {report} were updated."),
            Step(
                "tests",
                lambda: _make("test"),
                f"haut.yaml, generated/, CHANGELOG.md and {report} were updated. Update haut_ext, the "
                "sandbox and the cassettes; then run `make test`.",
            ),
        ]

    def pull(self) -> str:
        self.document = pull(self.source, os.environ.get("HAUT_TOKEN"))
        return f"{len(self.document['paths'])} paths"

    def validate(self) -> str:
        # Validate with the overlay applied, so that the overlay can correct errors of the document.
        try:
            load_contract(OVERLAY, self.document)
        except SpecError:
            BUILD.mkdir(exist_ok=True)
            REJECTED.write_text(dump(self.document), "utf-8")
            raise
        return "haut.yaml was replaced" if write(self.document) else "haut.yaml is up to date"

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
        return "no new entries" if after == before else "entries added to the unreleased section"


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
        raise SpecError(f"`make {target}` failed")
    return "passed"


def with_entry(changelog: str, report: diff.Report) -> str:
    """Return the changelog with a line for each change in its unreleased section."""
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
    # An empty line follows a heading, but separates no lines of a list.
    gap = "\n\n" if section.endswith(heading[0]) else "\n"
    rest = "\n\n" + changelog[end:] if following else "\n"
    return section + gap + "\n".join(lines) + rest


def _lines(report: diff.Report) -> Iterator[str]:
    for change in report.http.changes:
        label = "**breaking** " if change.breaking else ""
        users = diff.names_of(change.operations - {change.subject}, report.http)
        yield f"- {label}`{change.subject}`: {change.text}" + (f", in {users}." if users else ".")
    for difference in report.python:
        # Other breaking changes of the Python API follow from the changes of the HTTP API above.
        if difference.text in ("module removed", "class removed"):
            yield f"- **breaking** `{difference.name}`: {difference.text}."


def main() -> None:
    for step in Refresh(source_argument(__doc__)).steps():
        command(
            f"refresh: {step.name} failed",
            lambda step=step: print(f"{step.name}: {step.run()}", flush=True),  # type: ignore[misc]
            when_failed=f"\n{step.when_failed}",
        )
    print("The change set is ready for review: git diff")


if __name__ == "__main__":
    main()
