"""Validate cassettes against the OpenAPI contract, or compare two folders of cassettes.

python -m scripts.cassettes check
python -m scripts.cassettes compare tests/cassettes/sandbox tests/cassettes/live
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import define, field, frozen
from vcr.serializers import yamlserializer  # type: ignore[import-untyped]  # has no types

from tests import contract
from tests.contract import Exchange

ROOT = Path(__file__).resolve().parent.parent
CASSETTES = ROOT / "tests" / "cassettes"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")


_Path = tuple[str, ...]
_ITEM = "[]"
_MANY = 3  # The report abbreviates longer lists.
_MANY_EXCHANGES = "Many exchanges"


def read(cassette: Path) -> list[Exchange]:
    """Return the recorded requests and responses of a cassette, in their order."""
    return [
        _exchange(interaction["request"], interaction["response"])
        for interaction in yamlserializer.deserialize(cassette.read_text("utf-8"))["interactions"]
    ]


def _exchange(request: dict[str, Any], response: dict[str, Any]) -> Exchange:
    url = urlsplit(request["uri"])
    sent = {name: "".join(values) for name, values in request["headers"].items()}
    received = {name: "".join(values) for name, values in response["headers"].items()}
    return Exchange(
        method=request["method"],
        target=f"{url.path}?{url.query}",
        status=response["status"]["code"],
        response_body=response["body"]["string"].encode(),
        response_type=received.get("content-type", ""),
        response_headers=received,
        request_body=(request["body"] or "").encode(),
        request_type=sent.get("content-type", ""),
        request_headers=sent,
        origin=contract.API if url.path.startswith("/api/") else contract.STORAGE,
    )


# --- validation


@define
class Validation:
    """Result of validating cassettes.

    Attributes:
        cassettes: Number of cassettes.
        validated: Number of validated requests and responses.
        violations: Descriptions of the requests and responses that do not match the contract.
        skipped: Number of requests and responses that were not validated, by reason.
    """

    cassettes: int = 0
    validated: int = 0
    violations: list[str] = field(factory=list[str])
    skipped: Counter[str] = field(factory=Counter[str])


def validate(cassettes: Iterable[Path]) -> Validation:
    """Validate every request and response in the cassettes against the OpenAPI contract."""
    result = Validation()
    for cassette in cassettes:
        result.cassettes += 1
        exchanges = read(cassette)
        if not exchanges:
            result.violations.append(f"{_shown(cassette)}: the cassette contains no requests")
        for number, exchange in enumerate(exchanges, 1):
            place = f"{_shown(cassette)}, exchange {number} ({_route(exchange)}, {exchange.status})"
            for part, found in _violations(exchange, result):
                result.violations.append(f"{place}: {part}: {found}")
    return result


def _violations(exchange: Exchange, result: Validation) -> Iterator[tuple[str, str]]:
    if exchange.origin == contract.STORAGE and exchange.method == "GET":
        result.skipped["downloads from the storage, which openapi/haut.yaml does not describe"] += 1
        return
    if exchange.status in (400, 422):
        result.skipped["requests that the service rejected with 400 or 422"] += 1
    else:
        result.validated += 1
        for found in contract.request_violations(exchange):
            yield "request", found
    if exchange.status >= 500:
        skipped = (
            f"responses with status {exchange.status}, which openapi/haut.yaml does not describe"
        )
        result.skipped[skipped] += 1
    else:
        result.validated += 1
        for found in contract.response_violations(exchange):
            yield "response", found


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


# --- comparison


@frozen
class Difference:
    """A difference between two recordings of one workflow.

    Attributes:
        workflow: Name of the cassette.
        exchange: Method, path without ids, and names of the query parameters; or "order of requests".
        text: Description of the difference.
    """

    workflow: str
    exchange: str
    text: str


def compare(one: Path, other: Path) -> list[Difference]:
    """Compare two folders of cassettes. Ids and field values are ignored."""
    names = {folder: {path.stem for path in folder.glob("*.yaml")} for folder in (one, other)}
    found: list[Difference] = []
    for name in sorted(names[one] | names[other]):
        missing = [folder.name for folder in (one, other) if name not in names[folder]]
        if missing:
            found.append(Difference(name, "cassette", f"not recorded from {missing[0]}"))
        else:
            found += _compare_cassettes(name, one, other)
    return found


def _compare_cassettes(name: str, one: Path, other: Path) -> Iterator[Difference]:
    recorded = [read(folder / f"{name}.yaml") for folder in (one, other)]
    labels = (one.name, other.name)
    order = [[route for route, _ in groupby(map(_route, exchanges))] for exchanges in recorded]
    differing = [line for line in difflib.ndiff(order[0], order[1]) if line[0] in "+-"]
    if differing:
        steps = "; ".join(f"{labels[line[0] == '+']}: {line[2:]}" for line in differing)
        yield Difference(name, "order of requests", f"only in {steps}")
    grouped = [_by_route(exchanges) for exchanges in recorded]
    for route in sorted(grouped[0].keys() | grouped[1].keys()):
        sides = [group.get(route, []) for group in grouped]
        if len(sides[0]) != len(sides[1]):
            yield Difference(name, route, _unequal("requests", map(str, map(len, sides)), labels))
        if all(sides):
            for text in _compare_exchanges(sides[0], sides[1], labels):
                yield Difference(name, route, text)


def _compare_exchanges(
    one: list[Exchange], other: list[Exchange], labels: tuple[str, str]
) -> Iterator[str]:
    """Compare all requests and responses of one route.

    The number of requests is ignored, because it depends on how often the client polls."""
    statuses = [sorted({exchange.status for exchange in side}) for side in (one, other)]
    if statuses[0] != statuses[1]:
        yield _unequal("status", (" and ".join(map(str, each)) for each in statuses), labels)
    sent = [[each.request_body for each in side] for side in (one, other)]
    yield from _compare_fields("request", sent[0], sent[1], labels)
    common = sorted({*statuses[0]} & {*statuses[1]})
    headers: dict[str, list[int]] = defaultdict(list)
    for status in common:
        sides = [[each for each in side if each.status == status] for side in (one, other)]
        shown = [_headers(side) for side in sides]
        for header in sorted(shown[0].keys() | shown[1].keys()):
            values = [each.get(header, "absent") for each in shown]
            if values[0] != values[1]:
                headers[_unequal(f"header {header}", values, labels)].append(status)
        bodies = [[each.response_body for each in side] for side in sides]
        yield from _compare_fields(f"{status}", bodies[0], bodies[1], labels)
    for text, found in headers.items():
        yield text if found == common else f"{' and '.join(map(str, found))} {text}"


def _compare_fields(
    part: str, one: list[bytes], other: list[bytes], labels: tuple[str, str]
) -> Iterator[str]:
    shapes = [_shape(bodies) for bodies in (one, other)]
    for path in sorted(shapes[0].keys() | shapes[1].keys()):
        types = [shape.get(path) for shape in shapes]
        name = f"{part} {'.'.join(path) or 'body'}"
        if types[0] == types[1]:
            continue
        if types[0] and types[1]:
            yield _unequal(name, map(_types, types), labels)
        elif all("object" in shape.get(path[:-1], ()) for shape in shapes):
            # Report a missing field only if both recordings contain its parent object.
            yield f"{name}: only from {labels[not types[0]]} ({_types(types[0] or types[1])})"


def _unequal(subject: str, values: Iterable[str], labels: tuple[str, str]) -> str:
    sides = [f"{value} from {label}" for value, label in zip(values, labels, strict=True)]
    return f"{subject}: {', '.join(sides)}"


def _types(types: Iterable[str] | None) -> str:
    return " or ".join(sorted(types or ()))


def _shape(bodies: Iterable[bytes]) -> dict[_Path, set[str]]:
    """Return the JSON types that occur at each path in a list of JSON bodies.

    If a field is missing in some of the objects, its types include "absent".
    """
    shape: dict[_Path, set[str]] = defaultdict(set)
    owners: Counter[_Path] = Counter()
    fields: Counter[_Path] = Counter()

    def visit(value: Any, path: _Path) -> None:
        shape[path].add(_type(value))
        if isinstance(value, dict):
            owners[path] += 1
            for name, member in value.items():
                below = (*path, _UUID.sub("{id}", name))
                fields[below] += 1
                visit(member, below)
        elif isinstance(value, list):
            for item in value:
                visit(item, (*path, _ITEM))

    for body in bodies:
        try:
            visit(json.loads(body) if body else None, ())
        except ValueError:
            shape[()].add("text")
    for path, count in fields.items():
        if count < owners[path[:-1]]:
            shape[path].add("absent")
    return shape


def _type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str() if _UUID.fullmatch(value):
            return "UUID"
        case str() if time := _TIME.fullmatch(value):
            return f"date-time like {'2025-01-01' + time[1] + '00:00:00' + (time[3] or '')}"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _headers(exchanges: list[Exchange]) -> dict[str, str]:
    """Return the response headers, with "present" instead of each value except that of Content-Type."""
    found: dict[str, set[str]] = defaultdict(set)
    for exchange in exchanges:
        for name, value in exchange.response_headers.items():
            found[name].add(value.partition(";")[0] if name == "content-type" else "present")
    return {name: " or ".join(sorted(values)) for name, values in found.items()}


def _by_route(exchanges: Iterable[Exchange]) -> dict[str, list[Exchange]]:
    routes: dict[str, list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        routes[_route(exchange)].append(exchange)
    return routes


def _route(exchange: Exchange) -> str:
    """Return the HTTP method of a request, its path without ids, and its query parameter names."""
    if exchange.origin == contract.STORAGE:
        return f"{exchange.method} (storage)"
    path, _, query = exchange.target.partition("?")
    path = re.sub(r"/\d+(?=/)", "/{id}", _UUID.sub("{id}", path))
    names = ",".join(sorted({name for name, _ in parse_qsl(query, keep_blank_values=True)}))
    return f"{exchange.method} {path}{names and '?'}{names}"


def page(differences: Iterable[Difference]) -> str:
    """Format differences as Markdown. A difference that occurs several times is listed once."""
    exchanges: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for difference in differences:
        exchanges[difference.text][difference.exchange].append(difference.workflow)
    if not exchanges:
        return "The two recordings differ only in ids and field values.\n"
    sections: dict[str, list[str]] = defaultdict(list)
    for text, found in exchanges.items():
        if len(found) > _MANY:
            sections[_MANY_EXCHANGES].append(f"- {text} ({_first_few(sorted(found))})")
        else:
            for exchange, workflows in found.items():
                sections[exchange].append(f"- {text} ({_first_few(workflows)})")
    lines = ["# Differences between the two recordings"]
    for section in sorted(sections, key=lambda section: (section != _MANY_EXCHANGES, section)):
        lines += ["", f"## {section}", "", *sections[section]]
    return "\n".join([*lines, ""])


def _first_few(names: list[str]) -> str:
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return ", ".join(names[:_MANY]) + more


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True)
    checking = commands.add_parser(
        "check", help="validate all cassettes against the OpenAPI contract"
    )
    checking.add_argument("folder", type=Path, nargs="?", default=CASSETTES)
    comparing = commands.add_parser(
        "compare", help="print the differences between two folders of cassettes"
    )
    comparing.add_argument("folders", type=Path, nargs=2)
    arguments = parser.parse_args()
    if arguments.command == "compare":
        sys.stdout.write(page(compare(*arguments.folders)))
        return
    found = sorted(arguments.folder.rglob("*.yaml"))
    if not found:
        sys.exit(f"no cassette in {arguments.folder}")
    result = validate(found)
    if result.violations:
        sys.exit("\n".join([*result.violations, f"{len(result.violations)} violations"]))
    print(f"{result.cassettes} cassettes: {result.validated} requests and responses are valid")
    for reason, count in sorted(result.skipped.items()):
        print(f"  not validated: {count} {reason}")


if __name__ == "__main__":
    main()
