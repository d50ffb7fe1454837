"""What the documents say, as data: the two seed pages and the tables of docs/api-facts.md.

A seed page is the text of a documentation page: prose, and for each operation an HTTP request
line, its headers, the JSON of the request when there is one (then a Content-Length stands among
the headers), and the JSON of the response. The upload to the storage is a curl command there.
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
    """One documented operation, as its page shows it.

    `prose` is the text since the call before it; `request` and `response` are None where the page
    shows no JSON.
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
    """Return the documented operations of both seed pages, in their order."""
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
        assert not bodies, f"{page.name}, line {at}: JSON that belongs to no request or response"
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
    """Return every name the seed pages show: JSON keys, path and query parameters, headers."""
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
    """Return the section of api-facts with this number ("4", "1.4", "19.A.2"), subsections included."""
    level = "##" + "#" * number.count(".")
    match = re.search(
        rf"^{level} {re.escape(number)}\.? .*?(?=^#{{2,{len(level)}}} |\Z)", FACTS, re.M | re.S
    )
    assert match, f"api-facts has no section {number}"
    return match[0]


def facts_names(*sections: str) -> set[str]:
    """Return the words that these sections of api-facts set as code."""
    code = re.compile(r"```.*?```|`[^`]+`", re.S)
    spans = [span for number in sections for span in code.findall(facts_section(number))]
    return {name for span in spans for name in re.findall(r"[A-Za-z_][\w-]*", span)}


def facts_statuses() -> dict[tuple[str, str], str]:
    """Return the success status that api-facts 2 to 7 give for each method and end of a path."""
    found = {}
    for number in ("2", "3", "4", "5", "6", "7"):
        for section in re.split(r"^### ", facts_section(number), flags=re.M)[1:]:
            heading = re.match(r"(?:[\d.]+ )?([A-Z]+) (?:\.\.\.)?(/\S+)", section)
            status = re.search(r"\b20\d\b", section)
            if heading and status:
                found[heading[1], heading[2]] = status[0]
    return found


def facts_routes() -> set[tuple[str, str]]:
    """Return method and path of every operation that api-facts 2, 3, 6, 7, 8 and 13 name.

    They abbreviate: `B` is the nested route of a subject, `...` whatever stands before it elsewhere.
    """
    company = "/api/v1/companies/{company_id}"
    nested = f"{company}/datasets/{{dataset_id}}/subjects/{{subject_id}}"
    before = {"7": company, "8": f"{nested}/batches/{{batch_id}}"}
    found = set()
    for number in ("2", "3", "6", "7", "8", "13"):
        routes = re.findall(
            r"(GET|POST|PATCH|PUT|DELETE) `?((?:/|B/|\.\.\./)\S*/)", facts_section(number)
        )
        for method, path in routes:
            path = re.sub(r"^B(?=/)", nested, path)
            path = re.sub(r"^\.\.\.", before.get(number, ""), path)
            found.add((method, path.replace("{image_batch_id}", "{batch_id}")))
    return found


def facts_error_example() -> Any:
    """Return the error body of api-facts 1.4."""
    match = re.search(r"```json\n(.*?)```", facts_section("1.4"), re.S)
    assert match
    return json.loads(match[1])


def facts_requests() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the request tables of api-facts 2, 4.1, 5.1 and 7 as field -> JSON schema keywords.

    `required` stands among the keywords; formats that the tables call hidden do not.
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
    """Return name -> type of the query parameters of api-facts 1.3."""
    return {name: cells[2] for name, cells in _rows(facts_section("1.3"), "| name | in |")}


def facts_shown_types(*sections: str) -> dict[str, str]:
    """Return field -> what these sections of api-facts state of its type, in tables or `{a: b}`.

    Rows that call the type hidden are left out: what stands there is a guess.
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
    """Yield (field, cells) of each row of the tables whose heading line contains `heading`."""
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
    most = re.search(r"max (\d+)", limits)
    keywords["maximum"] = int(most[1]) if most else None
    default = re.search(r"default `(.+?)`", limits)
    keywords["default"] = json.loads(default[1]) if default else None
    return keywords
