"""Report what changed in the API since a git revision.

The report has two parts. `http_diff` compares haut.yaml at the revision with haut.yaml in the working
tree. `api_diff` compares the haut_api package committed at the revision with the package generated
from the working tree.

Exit status: 0 if nothing or only descriptions changed, 1 if all changes are compatible, 2 if any
change is breaking, 3 if the comparison failed.
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
from scripts.api_check import last_release
from scripts.spec import api_diff, http_diff, impact
from scripts.spec.aliases import version_parts
from scripts.spec.contract import contract, git
from scripts.spec.document import SpecError
from scripts.spec.markdown import code, table


class Severity(IntEnum):
    """Severity of the changes; the value is the exit status of the command."""

    NONE = 0
    COMPATIBLE = 1
    BREAKING = 2


@frozen
class Report:
    """Changes of the HTTP API and the Python API since a git revision.

    Attributes:
        base: The git revision.
        version: The project's version at that revision.
        http: Changes of the HTTP API.
        python: Changes of the Python API of haut_api.
        release: Version of the last release before HEAD, if there is one.
    """

    base: str
    version: str
    http: http_diff.Comparison
    python: list[api_diff.Difference]
    release: str | None = None

    @property
    def severity(self) -> Severity:
        changes = [change.breaking for change in self.http.changes]
        changes += [difference.breaking for difference in self.python]
        if not changes:
            return Severity.NONE
        return Severity.BREAKING if any(changes) else Severity.COMPATIBLE

    @property
    def next_version(self) -> str:
        """Lowest version number that semantic versioning allows for the next release."""
        if self.severity is Severity.NONE:
            return self.version
        major, minor, patch = version_parts(self.release or self.version)
        # Before 1.0.0, a breaking change increments the minor version.
        if self.severity is Severity.BREAKING:
            lowest = f"{major + 1}.0.0" if major else f"0.{minor + 1}.0"
        else:
            lowest = f"{major}.{minor + 1}.0" if major else f"0.{minor}.{patch + 1}"
        return max(lowest, self.version, key=version_parts)


# --- comparison


def compare(base: str) -> Report:
    """Compare the APIs in the working tree with those at a git revision.

    Raises:
        SpecError: If the revision does not exist, or a document cannot be read, compared or generated.
    """
    old = contract(base)
    source = git("show", f"{base}:haut_ext/_version.py").decode()
    version = re.search(r'__version__ = "(.+)"', source)
    if version is None:
        raise SpecError(f"haut_ext/_version.py at {base} does not define __version__")
    changes = http_diff.compare(old, contract())
    with tempfile.TemporaryDirectory() as before, tempfile.TemporaryDirectory() as after:
        archive = git("archive", "--format=tar", base, "generated/haut_api")
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(before, filter="data")
        try:
            generate.generate(Path(after) / api_diff.PACKAGE)
        except subprocess.CalledProcessError:
            raise SpecError("the generator rejects the working tree's haut.yaml") from None
        python = api_diff.compare(Path(before) / "generated", Path(after))
    tag = last_release()
    return Report(base, version[1], changes, python, tag and tag.removeprefix("v"))


# --- report


def render(report: Report) -> str:
    """Render the API changes as Markdown."""
    changes = {
        "HTTP": [change.breaking for change in report.http.changes],
        "Python": [difference.breaking for difference in report.python],
    }
    counts = [
        f"{sum(breaking)} breaking and {len(breaking) - sum(breaking)} compatible changes "
        f"of the {api} API"
        for api, breaking in changes.items()
    ]
    lines = [
        f"# API changes since {report.base}",
        "",
        f"{report.severity.name.capitalize()}: {', '.join(counts)}.",
    ]
    if report.http.text_changes:
        lines.append(f"Changes of descriptions, summaries and titles: {report.http.text_changes}.")
    if report.severity is not Severity.NONE:
        lines.append(f"Next version after {report.version}: at least {report.next_version}.")
        lines += ["", "## HTTP API", *(list(_http(report.http)) or ["", "No changes."])]
        lines += ["", "## Python API", *(list(_python(report)) or ["", "No changes."])]
        lines += ["", "## Affected code and cassettes", *_impact(report)]
    return "\n".join(lines) + "\n"


def _http(found: http_diff.Comparison) -> Iterator[str]:
    for group in http_diff.Group:
        rows = [
            (
                _verdict(change.breaking),
                code(change.subject),
                change.text,
                names_of(change.operations - {change.subject}, found),
            )
            for change in found.changes
            if change.group is group
        ]
        if rows:
            head = ("", group.removesuffix("s"), "Change", "Operations")
            yield from ("", f"### {group}", "", *table(head, rows))


def _python(report: Report) -> Iterator[str]:
    package = api_diff.PACKAGE
    rows = [
        (
            _verdict(difference.breaking),
            code(difference.name.removeprefix(f"{package}.")),
            difference.text,
        )
        for difference in report.python
    ]
    if rows:
        yield from ("", *table(("", f"Name in {code(package)}", "Change"), rows))


def _impact(report: Report) -> Iterator[str]:
    operations = report.http.operations
    keys = {key for change in report.http.changes for key in change.operations} & operations.keys()
    if not keys:
        yield from ("", "None.")
        return
    cassettes = impact.cassettes(operations)
    modules = {key: snake_case(operations[key].id) for key in keys}
    dependents = impact.dependents(modules.values())
    rows = [
        (
            code(operations[key].id),
            ", ".join(map(code, dependents[modules[key]])),
            str(len(cassettes.get(key, []))),
        )
        for key in sorted(keys, key=lambda key: operations[key].id)
    ]
    yield from ("", *table(("Operation", "Used by", "Cassettes"), rows))
    affected = sorted({name for key in keys for name in cassettes.get(key, [])})
    if affected:
        yield from ("", f"Cassettes to record again: {', '.join(map(code, affected))}.")


def _verdict(breaking: bool) -> str:
    return "**breaking**" if breaking else "compatible"


def names_of(keys: Iterable[str], found: http_diff.Comparison) -> str:
    """Format operation names as a comma-separated list in Markdown."""
    names = sorted(found.operations[key].id if key in found.operations else key for key in keys)
    if len(names) == len(found.operations):
        return "every operation"
    return ", ".join(map(code, names))


def revision_argument(description: str | None) -> str:
    """Parse the command-line arguments and return the git revision."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("base", nargs="?", default="HEAD", help="git revision (default: HEAD)")
    return str(parser.parse_args().base)


def main() -> None:
    base = revision_argument(__doc__)
    try:
        report = compare(base)
    except SpecError as error:
        print(f"spec-diff: {error}", file=sys.stderr)
        sys.exit(3)
    print(render(report), end="")
    sys.exit(report.severity)


if __name__ == "__main__":
    main()
