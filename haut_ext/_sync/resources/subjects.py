# Derived from haut_ext/_async/resources/subjects.py by `make sync`; change that file instead.
"""Subjects: the persons of a dataset."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Unpack
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
from haut_api.models import DeletedSubjects as DeletedSubjectIds
from haut_api.models import PatchedSubjectRequest, Subject, SubjectRequest
from haut_api.types import UNSET
from haut_ext._sync.operations import Resource
from haut_ext._sync.pagination import iterate, read_page
from haut_ext.argument_checks import Id, check_name, comparable_name, parse_id
from haut_ext.argument_types import validate_arguments
from haut_ext.errors import ApiError, HautError
from haut_ext.keyword_arguments import SubjectAttributes
from haut_ext.types import DeletedSubjects, Page
from haut_ext.workflow_errors import DeletionIncomplete

logger = logging.getLogger("haut_ext")

_IDS_PER_REQUEST = 70
"""Maximum number of ids in a URL: each id takes 50 characters, and URLs stay below 4 KB."""

_PAGE_SIZE = 100
"""Number of subjects per page when all subjects of a dataset are read."""


@validate_arguments()
class Subjects(Resource):
    """Subjects of a dataset, available as `haut.subjects`.

    Every method takes an optional `dataset_id`; the default is the client's dataset.
    """

    def create(
        self, name: str, *, dataset_id: Id | None = None, **attributes: Unpack[SubjectAttributes]
    ) -> Subject:
        """Create a subject.

        The request is not repeated if it may have reached the service, because repeating it could
        create a second subject with the same name.

        Args:
            name: Name of the subject, 1 to 512 characters. Use your own stable id of the person
                rather than a real name.
            dataset_id: Dataset of the subject; the client's unless given.
            attributes: See `SubjectAttributes`.

        Raises:
            ConfigError: If an argument is invalid, or `dataset_id` is missing and the client has no
                dataset.
            ApiError, TransportError: If `maybe_carried_out` is true, the subject may exist;
                `get_or_create` finds it.
        """
        body = SubjectRequest(name=check_name(name), **attributes)
        return self._operations.call(create_subject, Subject, dataset_id=dataset_id, body=body)

    def find(self, name: str, *, dataset_id: Id | None = None) -> tuple[Subject, ...]:
        """Return all subjects with the given name, the oldest first.

        Two names are the same if they are equal after blanks around them are removed and both are
        converted to the Unicode form NFC. Upper and lower case are different.

        The service's search also matches parts of names, so all pages of search results are read.

        Args:
            name: Name of the subjects, 1 to 512 characters.
            dataset_id: Dataset of the subjects; the client's unless given.
        """
        wanted = comparable_name(check_name(name))
        found: dict[UUID, Subject] = {}
        for form in dict.fromkeys((wanted, unicodedata.normalize("NFD", wanted), name.strip())):
            for subject in self.iterate(form, dataset_id=dataset_id):
                listed: Any = subject.name  # the generated client does not check its type
                if isinstance(listed, str) and comparable_name(listed) == wanted:
                    found[subject.id] = subject
        # Subjects that were created in the same second stay in the order of the list.
        return tuple(sorted(found.values(), key=lambda subject: subject.creation_time))

    def observe(self, subject_id: Id, *, dataset_id: Id | None = None) -> Subject:
        """Return the record of a subject, which proves that the dataset contains the subject.

        The API has no documented operation that reads one subject. Therefore this method sends an
        update without changes, whose response is the record. If the service refuses it, the method
        searches the list of all subjects.

        Raises:
            NotFound: If the dataset has no such subject.
            UnexpectedResponse: If the response is the record of another subject.
        """
        arguments = {"dataset_id": dataset_id, "subject_id": subject_id}
        try:
            success = self._operations.request(
                update_subject, {**arguments, "body": PatchedSubjectRequest()}
            )
        except ApiError as error:
            if error.status not in (400, 403, 405, 422):
                raise
            listed = self.find_by_id(subject_id, dataset_id=dataset_id)
            if listed is None:
                raise
            return listed
        subject = self._operations.unwrap(success, Subject)
        dataset = self._operations.scope.dataset(dataset_id)
        if (subject.id, subject.dataset.id) != (parse_id(subject_id, "subject_id"), dataset):
            raise self._operations.decode_error(success, "id", "it is of another subject")
        return subject

    def find_by_id(
        self, subject_id: Id, q: str | None = None, *, dataset_id: Id | None = None
    ) -> Subject | None:
        """Return the subject with the given id from the list of subjects, or None.

        Args:
            subject_id: The subject's id.
            q: Name of the subject, which limits the number of pages to read.
            dataset_id: Dataset of the subject; the client's unless given.
        """
        subject_id = parse_id(subject_id, "subject_id")
        subjects = iterate(
            self._operations, list_subjects, dataset_id=dataset_id, q=q, page_size=_PAGE_SIZE
        )
        found = [subject for subject in subjects if subject.id == subject_id]
        return found[0] if found else None

    def get_or_create(
        self, name: str, *, dataset_id: Id | None = None, **attributes: Unpack[SubjectAttributes]
    ) -> Subject:
        """Return the oldest subject with the given name; create it if there is none.

        Names are compared as in `find`. After creating a subject, this method searches for the name
        again, so that all concurrent callers return the same, oldest subject. Any duplicates that
        they created remain without photos. If several subjects have the name, a warning with the
        ids of the others is logged; `find` returns all of them.

        Args:
            name: Name of the subject, 1 to 512 characters.
            dataset_id: Dataset of the subject; the client's unless given.
            attributes: Attributes of the subject if it is created; see `SubjectAttributes`.
        """
        if found := self.find(name, dataset_id=dataset_id):
            return _oldest(found)
        try:
            created = self.create(name, dataset_id=dataset_id, **attributes)
        except HautError as error:
            if error.maybe_carried_out and (found := self.find(name, dataset_id=dataset_id)):
                return _oldest(found)
            raise
        return _oldest(self.find(name, dataset_id=dataset_id) or (created,))

    def update(
        self,
        subject_id: Id,
        *,
        name: str | None = None,
        dataset_id: Id | None = None,
        **attributes: Unpack[SubjectAttributes],
    ) -> Subject:
        """Change the given attributes of a subject and leave the others as they are.

        Args:
            subject_id: The subject's id.
            name: New name, 1 to 512 characters.
            dataset_id: Dataset of the subject; the client's unless given.
            attributes: See `SubjectAttributes`; None removes a value.

        Raises:
            UnexpectedResponse: If the response is the record of another subject.
        """
        body = PatchedSubjectRequest(name=UNSET if name is None else check_name(name), **attributes)
        return self._operations.call_for(
            "subject_id",
            update_subject,
            Subject,
            dataset_id=dataset_id,
            subject_id=subject_id,
            body=body,
        )

    def iterate(self, q: str | None = None, *, dataset_id: Id | None = None) -> Iterator[Subject]:
        """Iterate over all subjects, requesting pages when needed.

        Args:
            q: Search term, a part of the name.
            dataset_id: Dataset of the subjects; the client's unless given.
        """
        return iterate(self._operations, list_subjects, dataset_id=dataset_id, q=q)

    def list(
        self,
        q: str | None = None,
        page: int = 1,
        page_size: int | None = None,
        *,
        dataset_id: Id | None = None,
    ) -> Page[Subject]:
        """Return one page of subjects.

        Args:
            q: Search term, a part of the name.
            page: Page number, starting at 1.
            page_size: Number of subjects in a page; the service's default unless given.
            dataset_id: Dataset of the subjects; the client's unless given.

        Raises:
            NotFound: If the page does not exist.
        """
        return read_page(
            self._operations, list_subjects, page, dataset_id=dataset_id, q=q, page_size=page_size
        )

    def delete(self, subject_id: Id, *, dataset_id: Id | None = None) -> None:
        """Delete a subject. Photos can no longer be uploaded to it.

        To erase all data of a person with a receipt, use `erase_subject`.

        Raises:
            NotFound: If the subject does not exist.
        """
        self._operations.run(delete_subject, dataset_id=dataset_id, subject_id=subject_id)

    def delete_many(
        self, subject_ids: Iterable[Id], *, dataset_id: Id | None = None
    ) -> DeletedSubjects:
        """Delete any number of subjects; each request deletes up to 70.

        Args:
            subject_ids: The subjects' ids, all of which are checked before the first request.
            dataset_id: Dataset of the subjects; the client's unless given.

        Returns:
            Three lists of ids, of subjects that were deleted, subjects that did not exist, and
            subjects whose outcome is unknown because a request was repeated.

        Raises:
            ConfigError: If an id is not a UUID.
            DeletionIncomplete: If a request failed. The error carries the results of the completed
                requests.
        """
        ids = list(dict.fromkeys(parse_id(value, "subject_ids") for value in subject_ids))
        dataset_id = self._operations.scope.dataset(dataset_id)
        deleted: set[UUID] = set()
        absent: set[UUID] = set()
        failure: HautError | None = None
        try:
            for start in range(0, len(ids), _IDS_PER_REQUEST):
                chunk = ids[start : start + _IDS_PER_REQUEST]
                success = self._operations.request(
                    delete_subjects, {"dataset_id": dataset_id, "subjects_ids": chunk}
                )
                deleted.update(self._operations.unwrap(success, DeletedSubjectIds).deleted)
                # If the request was repeated, any subject missing from the response may have been
                # deleted by an earlier attempt.
                if success.info.attempts == 1:
                    absent.update(set(chunk) - deleted)
        except HautError as error:
            failure = error
        known = deleted | absent
        outcome = DeletedSubjects(
            deleted=tuple(value for value in ids if value in deleted),
            not_deleted=tuple(value for value in ids if value in absent),
            unknown=tuple(value for value in ids if value not in known),
        )
        if failure is not None:
            raise DeletionIncomplete(
                f"the deletion of {len(ids)} subjects stopped: {len(outcome.deleted)} were "
                f"deleted, {len(outcome.not_deleted)} did not exist, {len(outcome.unknown)} are "
                f"unknown. Pass the unknown ids to delete_many again: {failure}",
                outcome=outcome,
                cause=failure,
            ) from failure
        return outcome

    def clear_storage(self, subject_id: Id, *, dataset_id: Id | None = None) -> None:
        """Delete all photo files of a subject. Image records and results are kept."""
        self._operations.run(clear_subject_storage, dataset_id=dataset_id, subject_id=subject_id)

    def clear_metadata(self, subject_id: Id, *, dataset_id: Id | None = None) -> None:
        """Remove a subject's meta, sex, birth date and phenotype, and delete all metrics."""
        self._operations.run(clear_subject_metadata, dataset_id=dataset_id, subject_id=subject_id)


def _oldest(subjects: Sequence[Subject]) -> Subject:
    """Return the first of several subjects of one name, and log the ids of the others."""
    first, *others = subjects
    if others:
        logger.warning(
            "%d other subjects have the same name as subject %s: %s",
            len(others),
            first.id,
            ", ".join(str(subject.id) for subject in others),
        )
    return first
