"""Finds the subjects that `haut erase` is about to erase, and shows which data they have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from attrs import frozen

from haut_ext import ApiError, ConfigError, ErasureReceipt, NotFound
from haut_ext.cli import output

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from haut_ext import Haut, Subject

_COLUMNS = ("id", "name", "created (UTC)", "batches", "images", "metadata")


@frozen
class Target:
    """A subject to erase.

    Attributes:
        subject_id: The subject's id.
        path: Path of its receipt.
        started: Receipt of an erasure of the subject that has not been completed, if there is one.
    """

    subject_id: UUID
    path: Path
    started: ErasureReceipt | None


def find_subjects(
    haut: Haut, values: Iterable[str], *, all_with_this_name: bool
) -> dict[UUID, Subject | None]:
    """Return the subjects with the given ids or exact names, each of them once.

    A value that is a UUID is an id. The record of a subject that is given by its id is None.

    Raises:
        ConfigError: If no subject has a name, or several have, unless all of them are requested.
    """
    found: dict[UUID, Subject | None] = {}
    ambiguous: dict[UUID, Subject | None] = {}
    missing: list[str] = []
    for number, value in enumerate(values, 1):
        try:
            found.setdefault(UUID(value))
            continue
        except ValueError:
            named = {subject.id: subject for subject in haut.subjects.find(value)}
        if not named:
            missing.append(str(number))
        (ambiguous if len(named) > 1 and not all_with_this_name else found).update(named)
    if missing:
        raise ConfigError(
            f"no subject has this name (argument {', '.join(missing)}). To list subjects, run: "
            "haut subjects list --search NAME"
        )
    if ambiguous:
        print_subjects(haut, ambiguous, to_stderr=True)
        raise ConfigError(
            f"{len(ambiguous)} subjects share a name, and nothing was erased. Pass the ids of those to "
            "erase, or --all-with-this-name"
        )
    return found


def receipt_paths(receipt: Path | None, subject_ids: Sequence[UUID]) -> dict[UUID, Path]:
    """Return the path of the receipt of each subject.

    Raises:
        ConfigError: If `receipt` is a file, or looks like one, although there are several subjects.
    """
    if receipt is not None and len(subject_ids) == 1 and not receipt.is_dir():
        return {subject_ids[0]: receipt}
    if receipt is not None and not receipt.is_dir() and (receipt.exists() or receipt.suffix):
        raise ConfigError(
            f"--receipt {receipt} must be a folder, because {len(subject_ids)} subjects are erased"
        )
    folder = receipt or Path()
    return {subject_id: folder / f"erasure-{subject_id}.json" for subject_id in subject_ids}


def print_subjects(
    haut: Haut,
    subjects: dict[UUID, Subject | None],
    started: Sequence[UUID] = (),
    *,
    json: bool = False,
    to_stderr: bool = False,
) -> None:
    """Print which data the subjects have: numbers, and the names of metadata, but no values.

    Raises:
        NotFound: If a subject does not exist, unless its erasure was started.
    """
    facts = [_facts(haut, *each, started=each[0] in started) for each in subjects.items()]
    if json:
        for each in facts:
            output.print_json(each)
        return
    rows = [(*list(each.values())[:-1], ", ".join(each["metadata"])) for each in facts]
    output.print_table(_COLUMNS, rows, to_stderr=to_stderr)


def _facts(
    haut: Haut, subject_id: UUID, subject: Subject | None, *, started: bool
) -> dict[str, Any]:
    if subject is None:
        try:
            subject = haut.subjects.observe(subject_id)
        except NotFound as error:
            if not (started and error.confirmed):
                raise
    if subject is None:
        unknown = dict.fromkeys(("name", "created", "batches", "images"))
        return {"subject_id": subject_id, **unknown, "metadata": []}
    try:
        batches = haut.batches.list(subject_id).total
    except ApiError:  # the route is undocumented
        batches = None
    return {
        "subject_id": subject_id,
        "name": subject.name,
        "created": output.format_time(subject.creation_time),
        "batches": batches,
        "images": haut.images.list(subject_id).total,
        "metadata": _metadata(subject),
    }


def _metadata(subject: Subject) -> list[str]:
    values = {"birth_date": subject.birth_date, "biological_sex": subject.biological_sex}
    keys = [name for name, value in values.items() if value is not None]
    meta: Any = subject.meta
    if isinstance(meta, dict):
        return [*keys, *(f"meta.{key}" for key in cast("dict[str, Any]", meta))]
    return [*keys, *["meta"] * (meta is not None)]
