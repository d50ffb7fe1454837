"""The receipt of an erasure as a page for readers who do not know the service, such as lawyers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from textwrap import wrap
from typing import TYPE_CHECKING

from haut_ext.erasure_receipt import CHECKED_DATA, list_checks
from haut_ext.text import escape

if TYPE_CHECKING:
    from haut_ext.erasure_receipt import ErasureReceipt, ErasureStep, ErasureStepName

Row = tuple[str, str]

_LABEL_WIDTH = 28
_NARROW = 60
"""Below this width, a label is on a line of its own."""
_MAX_REASON = 28
_MAX_VERIFICATIONS = 5

_ERASED: dict[ErasureStepName, Row] = {
    "observation": ("The person's record", "found in this dataset"),
    "storage": ("Photo files", "deleted"),
    "images": ("Photos", "deleted"),
    "batches": ("Uploads", "deleted"),
    "metadata": ("Details about the person", "cleared"),
    "subject": ("The person's record", "deleted, with the name"),
}
"""What each step that erases concerns, and what `done` means."""

_LIMITS = (
    "Data that the service does not show to this program: files without a record, backups, logs, "
    "data kept for a retention period, and data sent to other systems.",
    "Copies outside the service, such as photos, downloads and reports.",
    "Data added after the last check. If the person was entered again, the new record has another "
    "number, which the checks do not cover.",
    "Who the person is: this page contains only the number of the person's record (subject). File "
    "it together with the request.",
    "That nobody changed the file of this receipt: its checksum reveals damage, not forgery. To "
    "prove when it existed, have it signed or time-stamped.",
)


def page(receipt: ErasureReceipt, width: int) -> str:
    """Return the page of a receipt, with lines of at most `width` characters if words permit."""
    parts: list[tuple[str, Iterable[Row]]] = [
        ("Receipt of the erasure of a person's data", _facts(receipt)),
        ("What was done (times in UTC)", _erasing_steps(receipt)),
        ("What the service was asked afterwards, and what was found", _checks(receipt)),
        ("Verifications at later times", _verifications(receipt)),
    ]
    lines: list[str] = []
    for title, rows in parts:
        if formatted := [line for row in rows for line in _format(row, width)]:
            lines += [*_wrap(title, width, "", ""), *formatted, ""]
    lines.append("What this receipt does not prove or cover")
    for limit in _LIMITS:
        lines += _wrap(limit, width, "  - ", "    ")
    return "\n".join(lines)


def _facts(receipt: ErasureReceipt) -> list[Row]:
    photos = sum(len(batch.image_ids) for batch in receipt.batches)
    record = "except the name" if receipt.keep_subject else "including the name"
    facts = [
        ("Case reference", escape(receipt.reference or "-")),
        ("Request", f"to erase all data of one person, {record}"),
        ("Verified", receipt.conclusion),
        ("Person (subject)", str(receipt.subject_id)),
        ("Dataset", str(receipt.dataset_id)),
        ("Company", str(receipt.company_id)),
        ("Service", escape(receipt.service)),
        ("Data found", f"photos: {photos}; uploads (sets of photos): {len(receipt.batches)}"),
        ("Program", escape(receipt.client)),
    ]
    if receipt.sandbox:
        facts.insert(0, ("TEST", "The service was a simulator (sandbox): no real data was erased."))
    return facts


def _erasing_steps(receipt: ErasureReceipt) -> Iterable[Row]:
    """Yield the last attempt of each step that erases."""
    for name, (data, done) in _ERASED.items():
        attempts = [step for step in receipt.steps if step.name == name]
        if attempts:
            more = f"; last of {len(attempts)} attempts" if len(attempts) > 1 else ""
            yield data, _dated(attempts[-1], done) + more


def _checks(receipt: ErasureReceipt) -> Iterable[Row]:
    """Yield the result of each check that counts: a later check without an answer changes nothing."""
    for name in receipt.checks:
        steps = [step for step in receipt.steps if step.name == name]
        answered = [step for step in steps if step.is_conclusive]
        if name not in receipt.unchecked or name in receipt.findings:
            text = _dated(answered[-1], "nothing found")
        elif steps and not steps[-1].is_conclusive:
            text = _dated(steps[-1], "")
        else:
            text = "not checked"
        data = CHECKED_DATA[name]
        yield data[0].upper() + data[1:], text


def _verifications(receipt: ErasureReceipt) -> Iterable[Row]:
    """Yield the results of the last verifications, and a summary of those before."""
    results = [(_time(start.at), _verification(checks)) for start, *checks in receipt.verifications]
    earlier = results[:-_MAX_VERIFICATIONS]
    if earlier:
        found = sum("FOUND" in text for _, text in earlier)
        yield "Earlier", f"{len(earlier)} verifications, of which {found} found data"
    yield from results[-_MAX_VERIFICATIONS:]


def _verification(checks: Sequence[ErasureStep]) -> str:
    found: list[ErasureStepName] = [step.name for step in checks if step.status == "found"]
    unknown: list[ErasureStepName] = [step.name for step in checks if not step.is_conclusive]
    texts = [f"FOUND: {list_checks(found)}"] if found else []
    if not found and len(unknown) < len(checks):
        texts.append("nothing found")
    if unknown:
        texts.append(f"NO ANSWER about {list_checks(unknown)}")
    if len(checks) < 4:
        texts.append(f"STOPPED after {len(checks)} of 4 checks")
    return "; ".join(texts)


def _dated(step: ErasureStep, done: str) -> str:
    """Return the time and the result of a step; `done` is the text for this status."""
    reason = "" if step.reason is None else f" ({escape(step.reason)[:_MAX_REASON]})"
    count = "" if step.count in (None, 0) else f" ({step.count})"
    texts = {
        "done": done + count,
        "already gone": "already gone",
        "found": f"FOUND{count}",
        "refused": f"refused by the service{reason}",
        "unknown": f"not known: no valid answer{reason}",
    }
    return f"{_time(step.at)}  {texts[step.status]}"


def _format(row: Row, width: int) -> list[str]:
    label, text = row
    indent = " " * (4 if width < _NARROW else _LABEL_WIDTH)
    lines = _wrap(text, width, indent, indent) or [""]
    if width < _NARROW:
        return [f"  {label}:", *lines]
    return [f"  {label}".ljust(_LABEL_WIDTH) + lines[0][_LABEL_WIDTH:], *lines[1:]]


def _wrap(text: str, width: int, first: str, indent: str) -> list[str]:
    return wrap(text, width, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
