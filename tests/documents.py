"""Parsers for the public documents of the API: two seed pages and the tables of docs/api-facts.md.

A seed page is the text of a documentation page. For each operation it contains prose, an HTTP request
line, headers, request JSON and response JSON. The request JSON is present only if the headers include
Content-Length. The upload to the storage is documented as a curl command.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from attrs import frozen

ROOT = Path(__file__).resolve().parent.parent
SEEDS = sorted((ROOT / "tests" / "data" / "seeds").glob("*.txt"))
FACTS = (ROOT / "docs" / "api-facts.md").read_text("utf-8")

STORAGE_URL = "{upload_url.url}"

_REQUEST_LINE = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/\S+) HTTP/1\.1")
_CURL_LINE = re.compile(r"curl -X (PUT) (\S+) \\")
_HEADER = re.compile(r'(?:-H ")?([A-Za-z][A-Za-z-]*): ([^"]+)(?:" \\)?')


@frozen
class Call:
    """An operation as documented on a seed page.

    Attributes:
        page: Name of the page.
        method: HTTP method.
        path: Path with placeholders for its parameters.
        query: Query parameters in the request line.
        headers: Headers of the request.
        prose: Lines of text between the previous operation and this one.
        request: Example request JSON; None if the page shows none.
        response: Example response JSON; None if the page shows none.
    """

    page: str
    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    prose: Sequence[str]
    request: Any
    response: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def calls() -> list[Call]:
    """Return the operations of both seed pages in the order in which the pages list them."""
    return [call for page in SEEDS for call in _calls(page)]


def _calls(page: Path) -> Iterator[Call]:
    lines = page.read_text("utf-8").splitlines()
    prose: list[str] = []
    at = 0
    while at < len(lines):
        match = _REQUEST_LINE.fullmatch(lines[at]) or _CURL_LINE.fullmatch(lines[at])
        if match is None:
            prose.append(lines[at])
            at += 1
            continue
        at += 1
        headers: dict[str, str] = {}
        while header := _HEADER.fullmatch(lines[at]):
            headers[header[1]] = header[2]
            at += 1
        bodies = []
        while lines[at][:1] in {"{", "["}:
            text = "\n".join(lines[at:])
            body, end = json.JSONDecoder().raw_decode(text)
            bodies.append(body)
            at += text[:end].count("\n") + 1
        request = bodies.pop(0) if "Content-Length" in headers else None
        response = bodies.pop(0) if bodies else None
        assert not bodies, f"{page.name}, line {at}: JSON without a request or response"
        url = match[2] if match[2] == STORAGE_URL else urlsplit(match[2]).path
        yield Call(
            page=page.name,
            method=match[1],
            path=url,
            query=parse_qs(urlsplit(match[2]).query),
            headers=headers,
            prose=tuple(prose),
            request=request,
            response=response,
        )
        prose = []


def seed_names() -> set[str]:
    """Return the names of all JSON keys, parameters and headers on the seed pages."""
    found: set[str] = set()
    for call in calls():
        found |= set(re.findall(r"{(\w+)}", call.path)) | call.query.keys() | call.headers.keys()
        found |= _keys(call.request) | _keys(call.response)
    return found


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_keys, value.values()))
    if isinstance(value, list):
        return set().union(*map(_keys, value))
    return set()


def facts_section(number: str) -> str:
    """Return an api-facts section with its subsections. A number is like "4", "1.4" or "19.A.2"."""
    level = "##" + "#" * number.count(".")
    match = re.search(
        rf"^{level} {re.escape(number)}\.? .*?(?=^#{{2,{len(level)}}} |\Z)", FACTS, re.M | re.S
    )
    assert match, f"api-facts has no section {number}"
    return match[0]


def facts_names(*sections: str) -> set[str]:
    """Return all words that the given sections of api-facts format as code."""
    code = re.compile(r"```.*?```|`[^`]+`", re.S)
    spans = [span for number in sections for span in code.findall(facts_section(number))]
    return {name for span in spans for name in re.findall(r"[A-Za-z_][\w-]*", span)}


def facts_statuses() -> dict[tuple[str, str], str]:
    """Return the success statuses listed in sections 2 to 7 of api-facts, by method and path suffix."""
    found = {}
    for number in ("2", "3", "4", "5", "6", "7"):
        for section in re.split(r"^### ", facts_section(number), flags=re.M)[1:]:
            heading = re.match(r"(?:[\d.]+ )?([A-Z]+) (?:\.\.\.)?(/\S+)", section)
            status = re.search(r"\b20\d\b", section)
            if heading and status:
                found[heading[1], heading[2]] = status[0]
    return found


def facts_routes() -> set[tuple[str, str]]:
    """Return method and path of every operation in sections 2, 3, 6, 7, 8 and 13 of api-facts.

    The sections abbreviate paths: `B` is the path of a subject, and `...` is a prefix that depends
    on the section.
    """
    company = "/api/v1/companies/{company_id}"
    nested = f"{company}/datasets/{{dataset_id}}/subjects/{{subject_id}}"
    prefixes = {"7": company, "8": f"{nested}/batches/{{batch_id}}"}
    found = set()
    for number in ("2", "3", "6", "7", "8", "13"):
        routes = re.findall(
            r"(GET|POST|PATCH|PUT|DELETE) `?((?:/|B/|\.\.\./)\S*/)", facts_section(number)
        )
        for method, path in routes:
            path = re.sub(r"^B(?=/)", nested, path)
            path = re.sub(r"^\.\.\.", prefixes.get(number, ""), path)
            found.add((method, path.replace("{image_batch_id}", "{batch_id}")))
    return found


def facts_error_example() -> Any:
    """Return the example error body in section 1.4 of api-facts."""
    match = re.search(r"```json\n(.*?)```", facts_section("1.4"), re.S)
    assert match
    return json.loads(match[1])


def facts_requests() -> dict[str, dict[str, dict[str, Any]]]:
    """Return JSON Schema keywords for request fields, from sections 2, 4.1, 5.1 and 7 of api-facts.

    The keywords include `required`. A format that a table marks as hidden is omitted.
    """
    return {
        schema: {name: _keywords(cells) for name, cells in _rows(facts_section(number), "| req |")}
        for schema, number in (
            ("LoginRequest", "2"),
            ("SubjectRequest", "4.1"),
            ("SignedUploadRequest", "5.1"),
            ("DatasetRequest", "7"),
        )
    }


def facts_list_parameters() -> dict[str, str]:
    """Return the types of the query parameters by name, from section 1.3 of api-facts."""
    return {name: cells[2] for name, cells in _rows(facts_section("1.3"), "| name | in |")}


def facts_shown_types(*sections: str) -> dict[str, str]:
    """Return the field types stated in the given sections of api-facts, in tables or as `{a: b}`.

    Table rows that mark a type as hidden are omitted, because such a type is only a guess.
    """
    found: dict[str, str] = {}
    for section in map(facts_section, sections):
        rows = [(name, cells[1]) for name, cells in _rows(section, "| ")]
        inline = re.findall(r"(\w+)\??: ([a-z]+(?:\|null)?)[,}]", section)
        for name, kind in rows + inline:
            if "hidden" not in kind:
                found[name] = f"{found.get(name, '')} {kind}"
    return found


def _rows(section: str, heading: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the field name and cells of each row, for tables whose title row contains `heading`."""
    for table in re.findall(r"(?:^\|.*\n)+", section, re.M):
        title, _, *rows = table.splitlines()
        if heading not in title:
            continue
        for row in rows:
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
            for name in re.findall(r"`([\w.]+)`", cells[0]):
                yield name.rpartition(".")[2], cells


def _keywords(cells: list[str]) -> dict[str, Any]:
    _, kind, required, limits = cells[:4]
    words = re.findall(r"\w+", kind)
    keywords: dict[str, Any] = {
        "required": "yes" in required,
        "nullable": "null" in words,
        "type": None if words[0] == "any" else words[0],
        "format": next((form for form in ("uuid", "email") if form in words), None),
    }
    lengths = re.search(r"(\d+)\.\.(\d+)", limits)
    for at, name in enumerate(("minLength", "maxLength"), 1):
        limit = re.search(rf"{name} (\d+)", limits)
        keywords[name] = int(limit[1]) if limit else int(lengths[at]) if lengths else None
    maximum = re.search(r"max (\d+)", limits)
    keywords["maximum"] = int(maximum[1]) if maximum else None
    default = re.search(r"default `(.+?)`", limits)
    keywords["default"] = json.loads(default[1]) if default else None
    return keywords
