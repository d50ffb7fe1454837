"""The subjects of a dataset: one for each real person."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from haut_api.api.subjects import (
    clear_subject_metadata,
    clear_subject_storage,
    create_subject,
    delete_subject,
    delete_subjects,
    list_subjects,
    update_subject,
)
from haut_api.models import DeletedSubjects as DeletedIds
from haut_api.models import PatchedSubjectRequest, Subject, SubjectRequest
from haut_api.types import UNSET, Unset
from haut_ext._async.operations import AsyncOperations
from haut_ext._async.pagination import iterate, read_page
from haut_ext.errors import ConfigError, HautError
from haut_ext.settings import parse_id
from haut_ext.types import DeletedSubjects, Page
from haut_ext.workflow_errors import DeletionIncomplete

_LONGEST_NAME = 512
_IDS_PER_REQUEST = 70
"""An id takes 50 characters of the address; 70 keep it below 4 KB, which every proxy lets through."""


class AsyncSubjects:
    """The subjects of a dataset (seed: API for Subjects). Reached as `haut.subjects`.

    Every method takes `dataset_id` to work in another dataset than the client's.
    """

    def __init__(self, operations: AsyncOperations) -> None:
        self._operations = operations

    async def create(
        self,
        name: str,
        *,
        birth_date: datetime.date | Unset | None = UNSET,
        biological_sex: str | Unset | None = UNSET,
        meta: Any = UNSET,
        dataset_id: str | UUID | None = None,
    ) -> Subject:
        """Create a subject. Never sent again once it may have arrived: names need not be unique.

        Args:
            name: 1 to 512 characters; your own stable id of the person, rather than a real name.
            birth_date: The person's date of birth.
            biological_sex: The service's id of the sex; which ids exist is not documented.
            meta: Free JSON.
            dataset_id: Another dataset than the client's.

        Raises:
            ConfigError: If the name has not 1 to 512 characters, or no dataset is known.
            ApiError, TransportError: With `maybe_carried_out` or `maybe_delivered` set when the
                subject may exist all the same; `get_or_create` finds it.
        """
        body = SubjectRequest(
            name=_checked_name(name),
            birth_date=birth_date,
            biological_sex=biological_sex,
            meta=meta,
        )
        return await self._operations.call(
            create_subject,
            Subject,
            dataset_id=self._operations.scope.dataset(dataset_id),
            body=body,
        )

    async def get_or_create(
        self,
        name: str,
        *,
        birth_date: datetime.date | Unset | None = UNSET,
        biological_sex: str | Unset | None = UNSET,
        meta: Any = UNSET,
        dataset_id: str | UUID | None = None,
    ) -> Subject:
        """Return the subject with exactly this name, the oldest if there are several; else create
        it.

        All pages are searched: the service's search finds parts of names too. When several callers
        create the same name at once, all of them get the oldest, since each looks again after it
        has created; the others' subjects stay, empty.

        Args:
            name: 1 to 512 characters, compared exactly.
            birth_date: Used when the subject is created.
            biological_sex: Used when the subject is created.
            meta: Used when the subject is created.
            dataset_id: Another dataset than the client's.
        """
        _checked_name(name)
        dataset = self._operations.scope.dataset(dataset_id)
        subject, created = await found_or_created(
            self,
            name,
            dataset,
            birth_date=birth_date,
            biological_sex=biological_sex,
            meta=meta,
        )
        return (await _oldest(self, name, dataset) or subject) if created else subject

    async def update(
        self,
        subject_id: str | UUID,
        *,
        name: str | Unset = UNSET,
        birth_date: datetime.date | Unset | None = UNSET,
        biological_sex: str | Unset | None = UNSET,
        meta: Any = UNSET,
        dataset_id: str | UUID | None = None,
    ) -> Subject:
        """Change what is given and leave the rest; None empties a field.

        Args:
            subject_id: The subject's UUID.
            name: 1 to 512 characters.
            birth_date: The person's date of birth.
            biological_sex: The service's id of the sex.
            meta: Free JSON, replaced as a whole.
            dataset_id: Another dataset than the client's.
        """
        body = PatchedSubjectRequest(
            name=name if isinstance(name, Unset) else _checked_name(name),
            birth_date=birth_date,
            biological_sex=biological_sex,
            meta=meta,
        )
        return await self._operations.call(
            update_subject, Subject, **self._one(subject_id, dataset_id), body=body
        )

    def iterate(
        self, q: str | None = None, *, dataset_id: str | UUID | None = None
    ) -> AsyncIterator[Subject]:
        """Iterate over all subjects, lazily, a page at a time.

        Args:
            q: The service's search term.
            dataset_id: Another dataset than the client's.
        """
        dataset = self._operations.scope.dataset(dataset_id)
        return iterate(self._operations, list_subjects, dataset_id=dataset, q=q or UNSET)

    async def list(
        self,
        q: str | None = None,
        page: int = 1,
        page_size: int | None = None,
        *,
        dataset_id: str | UUID | None = None,
    ) -> Page[Subject]:
        """Return one page of subjects.

        Args:
            q: The service's search term.
            page: From 1.
            page_size: Subjects a page; the service's own default unless given.
            dataset_id: Another dataset than the client's.

        Raises:
            NotFound: If there is no such page.
        """
        return await read_page(
            self._operations,
            list_subjects,
            page,
            dataset_id=self._operations.scope.dataset(dataset_id),
            q=q or UNSET,
            page_size=page_size or UNSET,
        )

    async def delete(self, subject_id: str | UUID, *, dataset_id: str | UUID | None = None) -> None:
        """Delete a subject. Photos cannot be uploaded to it afterwards.

        To erase a person's data with proof, use `erase_subject`.

        Raises:
            NotFound: If there is no such subject.
        """
        await self._operations.call_without_content(
            delete_subject, **self._one(subject_id, dataset_id)
        )

    async def delete_many(
        self, subject_ids: Iterable[str | UUID], *, dataset_id: str | UUID | None = None
    ) -> DeletedSubjects:
        """Delete any number of subjects, in as many requests as the length of an address demands.

        Args:
            subject_ids: The subjects' UUIDs; all are checked before the first request.
            dataset_id: Another dataset than the client's.

        Returns:
            Which were deleted, which were not there, and which of these two is unknown because a
            request had to be repeated.

        Raises:
            ConfigError: If an id is not a UUID.
            DeletionIncomplete: If a request failed; carries the outcome so far.
        """
        wanted = list(dict.fromkeys(parse_id(value, "subject_ids") for value in subject_ids))
        dataset = self._operations.scope.dataset(dataset_id)
        deleted: set[UUID] = set()
        answered: set[UUID] = set()
        try:
            for some in _pieces(wanted, _IDS_PER_REQUEST):
                response = await self._operations.request(
                    delete_subjects, {"dataset_id": dataset, "subjects_ids": some}
                )
                answer = self._operations.unwrap(response, DeletedIds)
                deleted.update(answer.deleted)
                # An id that a repeated request does not name may be one that the first deleted.
                if response.info.attempts == 1:
                    answered.update(some)
        except HautError as error:
            outcome = _outcome(wanted, deleted, answered)
            raise DeletionIncomplete(
                f"deleting {len(wanted)} subjects stopped: {len(outcome.deleted)} are deleted, "
                f"{len(outcome.not_deleted)} were not there, {len(outcome.unknown)} are unknown and "
                f"can be passed to delete_many again: {error}",
                outcome=outcome,
                cause=error,
            ) from error
        return _outcome(wanted, deleted, answered)

    async def clear_storage(
        self, subject_id: str | UUID, *, dataset_id: str | UUID | None = None
    ) -> None:
        """Delete the files of all the subject's photos at once; their records and results stay."""
        await self._operations.call_without_content(
            clear_subject_storage, **self._one(subject_id, dataset_id)
        )

    async def clear_metadata(
        self, subject_id: str | UUID, *, dataset_id: str | UUID | None = None
    ) -> None:
        """Empty meta, biological sex, birth date and phenotype, and delete metrics and submetrics."""
        await self._operations.call_without_content(
            clear_subject_metadata, **self._one(subject_id, dataset_id)
        )

    def _one(self, subject_id: str | UUID, dataset_id: str | UUID | None) -> dict[str, UUID]:
        return {
            "dataset_id": self._operations.scope.dataset(dataset_id),
            "subject_id": parse_id(subject_id, "subject_id"),
        }


async def found_or_created(
    subjects: AsyncSubjects, name: str, dataset_id: UUID, **attributes: Any
) -> tuple[Subject, bool]:
    """Return the oldest subject of exactly this name, or a new one, and whether it is new.

    When others create the same name meanwhile, there are several: see `get_or_create`.
    """
    if (found := await _oldest(subjects, name, dataset_id)) is not None:
        return found, False
    try:
        return await subjects.create(name, **attributes, dataset_id=dataset_id), True
    except HautError as error:
        if error.maybe_carried_out and (found := await _oldest(subjects, name, dataset_id)):
            return found, False
        raise


async def _oldest(subjects: AsyncSubjects, name: str, dataset_id: UUID) -> Subject | None:
    found = [
        subject
        async for subject in subjects.iterate(name, dataset_id=dataset_id)
        if subject.name == name
    ]
    # Of the same second, the first that the service lists.
    return min(found, key=lambda subject: subject.creation_time, default=None)


def _checked_name(name: str) -> str:
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise ConfigError(f"a subject's name has 1 to {_LONGEST_NAME} characters, not {len(name)}")
    return name


def _outcome(wanted: Iterable[UUID], deleted: set[UUID], answered: set[UUID]) -> DeletedSubjects:
    left = [value for value in wanted if value not in deleted]
    return DeletedSubjects(
        deleted=tuple(value for value in wanted if value in deleted),
        not_deleted=tuple(value for value in left if value in answered),
        unknown=tuple(value for value in left if value not in answered),
    )


def _pieces(values: Sequence[UUID], size: int) -> Iterator[list[UUID]]:
    for start in range(0, len(values), size):
        yield list(values[start : start + size])
