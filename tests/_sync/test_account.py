# Derived from tests/_async/test_account.py by `make sync`; change that file instead.
"""Tests of private tokens, datasets, dictionaries, and side and light names within a dataset."""

from __future__ import annotations

import json
import pickle
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from haut_api.api.dictionaries import list_image_types
from haut_api.api.private_tokens import list_private_tokens
from haut_api.models import Dataset
from haut_ext import ConfigError, Haut, NotFound, Unauthorized, UnexpectedResponse
from haut_ext.sandbox import Fault, Sandbox, faults
from haut_ext.sandbox.http_messages import Response, json_response
from tests.support.sandbox_photos import PHOTO

pytestmark = pytest.mark.anyio

TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


def changed(**changes: Any) -> Fault:
    """Return a fault that changes fields of the JSON object in the response."""

    def change(answer: Response) -> Response:
        return json_response(answer.status, {**json.loads(answer.body), **changes})

    return Fault("changed fields", "after", change=change)


# Private tokens


def test_private_token_works_until_it_is_revoked(sandbox: Sandbox, haut: Haut) -> None:
    created = haut.private_tokens.create("nightly job", TOMORROW)
    assert (created.name, created.expiration_time) == ("nightly job", TOMORROW)
    credentials: dict[str, Any] = {**sandbox.credentials, "token": created.data}
    with Haut(**credentials) as holder:
        [known] = holder.private_tokens.list()
        assert (known.id, known.name) == (created.id, "nightly job")
        assert known.expiration_time == TOMORROW
        haut.private_tokens.revoke(created.id)
        with pytest.raises(Unauthorized):
            holder.private_tokens.list()
    with pytest.raises(NotFound) as caught:
        haut.private_tokens.revoke(created.id)
    assert caught.value.operation == "DELETE /api/v1/auth/private_tokens/{id}/"


def test_private_tokens_are_listed_over_all_pages(sandbox: Sandbox, haut: Haut) -> None:
    for number in range(25):
        haut.private_tokens.create(f"job {number}", TOMORROW + timedelta(days=number))
    assert len([found for found in haut.private_tokens.iterate()]) == 25
    by_time = [found.id for found in haut.private_tokens.iterate(ordering="-expiration_time")]
    assert by_time == sorted(by_time, reverse=True)
    assert [found.name for found in haut.private_tokens.iterate("job 17")] == ["job 17"]
    page = haut.private_tokens.list(page=3, page_size=7, ordering="name")
    assert (page.total, len(page), page.next_page) == (25, 7, 4)
    # Unlike other list operations, list_private_tokens has no company_id argument.
    assert len([found for found in haut.paginate_all(list_private_tokens)]) == 25


def test_private_token_is_not_in_reprs_or_errors(sandbox: Sandbox, haut: Haut) -> None:
    created = haut.private_tokens.create("nightly job", TOMORROW)
    assert created.data.startswith("sandbox-token-")
    assert created.data not in repr(created) + f"{created}"
    sandbox.faults.add("create_private_token", changed(id=None, expiration_time="never"))
    with pytest.raises(UnexpectedResponse, match="expiration_time") as caught:
        haut.private_tokens.create("nightly job", TOMORROW)
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert '"data":"[redacted]"' in caught.value.body
    assert "sandbox-token-" not in shown
    assert b"sandbox-token-" not in pickle.dumps(caught.value)


# Datasets


def test_created_dataset_is_found(sandbox: Sandbox, haut: Haut) -> None:
    made = haut.datasets.create(
        "study",
        image_type_id=2,
        expire_images_after_days=365,
        expire_metadata_after_days=None,
        clean_images_as_soon_as_ready=True,
        custom_branding=3,
    )
    assert made.image_type is not None
    assert made.image_type.tech_name == "hand"
    assert (made.expire_images_after_days, made.expire_metadata_after_days) == (365, None)
    assert (made.clean_images_as_soon_as_ready, made.custom_branding) == (True, 3)
    assert haut.datasets.get(made.id) == made
    own = haut.datasets.get()
    assert str(own.id) == sandbox.credentials["dataset_id"]
    assert {found.id for found in haut.datasets.iterate()} == {own.id, made.id}
    assert [found.id for found in haut.datasets.iterate("stu")] == [made.id]
    assert (haut.datasets.list(page=2, page_size=1, ordering="name")).items == (made,)
    assert {found.name for found in haut.datasets.short_list()} == {own.name, "study"}
    assert [found.id for found in haut.datasets.short_list("stu")] == [made.id]
    with pytest.raises(NotFound):
        haut.datasets.get(UUID(int=7))


def test_omitted_arguments_are_not_sent(sandbox: Sandbox, haut: Haut) -> None:
    bodies: list[bytes] = []
    sandbox.before_request = lambda request: bodies.append(bytes(request.body))
    haut.datasets.create("x" * 512)
    assert json.loads(bodies[0]) == {"name": "x" * 512}


# Dictionaries


def test_dictionaries(sandbox: Sandbox, haut: Haut) -> None:
    selfie, hand = haut.image_types()
    assert [(side.id, side.tech_name) for side in selfie.sides][:1] == [(1, "front")]
    assert [light.tech_name for light in hand.lights] == ["regular", "polarized"]
    assert "acne" in {algorithm.tech_name for algorithm in haut.algorithms()}
    assert sandbox.received("list_image_types") == 1


def test_dictionaries_that_the_service_returns_in_pages(sandbox: Sandbox, haut: Haut) -> None:
    complete = haut.image_types()
    pages = []

    def paged(answer: Response) -> Response:
        items = json.loads(answer.body)
        pages.append(items)
        number = len(pages)
        following = "https://other.example.com/?page=2" if number < len(items) else None
        shown = {"count": len(items), "next": following, "previous": None}
        return json_response(200, {**shown, "results": [items[number - 1]]})

    sandbox.faults.add("list_image_types", Fault("pages", "after", change=paged), times=None)
    assert haut.image_types() == complete
    pages.clear()
    assert tuple([found for found in haut.paginate_all(list_image_types)]) == complete


# Sides and lights


@pytest.fixture
def hands(haut: Haut) -> Dataset:
    return haut.datasets.create("hands", image_type_id=2)


def test_documented_sides_and_numbers_are_not_looked_up(sandbox: Sandbox, haut: Haut) -> None:
    subject = haut.subjects.create("subject-1")
    for number, side in enumerate(("front", "right", "left"), 1):
        for given in (side, number):
            slot = haut.images.request_upload(subject.id, side=given, light=1)
            assert slot.side is not None
            assert (slot.side.id, slot.side_tech_name) == (number, side)
    haut.images.request_upload(subject.id, light=None)
    assert sandbox.received("get_dataset") == 0


def test_names_of_sides_and_lights_are_looked_up_once(
    sandbox: Sandbox, haut: Haut, hands: Dataset
) -> None:
    subject = haut.subjects.create("subject-1", dataset_id=hands.id)
    for side, light in (("palm", "polarized"), ("Back", "REGULAR"), (5, 2), ("palm", 2), (4, None)):
        slot = haut.with_options(max_retries=0).images.request_upload(
            subject.id, side=side, light=light, dataset_id=hands.id
        )
        assert slot.side_tech_name == ("palm" if side in ("palm", 4) else "back")
        if light is not None:
            regular = light == "REGULAR"
            assert slot.light_tech_name == ("regular" if regular else "polarized")
    uploaded = haut.images.upload(subject.id, PHOTO, "palm", dataset_id=hands.id)
    assert uploaded.side == "palm"
    assert sandbox.received("get_dataset") == 1


@pytest.mark.parametrize(
    ("side", "light", "message"),
    [
        ("wrist", "regular", r"no such side .* palm \(4\), back \(5\)"),
        ("palm", "ultraviolet", r"no such light .* regular \(1\), polarized \(2\)"),
        (1, "regular", "no such side"),
        ("palm", 3, "no such light"),
        ("front", "regular", "no such side"),
    ],
)
def test_side_or_light_that_the_image_type_lacks_is_rejected(
    sandbox: Sandbox, haut: Haut, hands: Dataset, side: Any, light: Any, message: str
) -> None:
    subject = haut.subjects.create("subject-1", dataset_id=hands.id)
    with pytest.raises(ConfigError, match=message):
        haut.images.request_upload(subject.id, side=side, light=light, dataset_id=hands.id)
    assert sandbox.received("create_signed_upload_url") == 0


def test_light_is_checked_and_looked_up_once_for_a_batch(sandbox: Sandbox, haut: Haut) -> None:
    subject = haut.subjects.create("subject-1")
    with pytest.raises(ConfigError, match="no such light"):
        haut.upload_and_compute(subject.id, front=PHOTO, light="polarized")
    assert sandbox.received("create_signed_upload_url") == 0
    batch = haut.upload_and_compute(subject.id, front=PHOTO, right=PHOTO, light="regular")
    assert len(batch.images) == 2
    assert sandbox.received("get_dataset") == 1


def test_light_is_looked_up_in_the_dataset_of_the_call(
    sandbox: Sandbox, haut: Haut, hands: Dataset
) -> None:
    """The error lists `palm`, a side that exists only in the dataset passed to the call."""
    subject = haut.subjects.create("subject-1", dataset_id=hands.id)
    with pytest.raises(ConfigError, match=r"no such side .* palm"):
        haut.upload_and_compute(subject.id, front=PHOTO, light="polarized", dataset_id=hands.id)


def test_names_are_rejected_if_the_dataset_has_no_image_type(sandbox: Sandbox, haut: Haut) -> None:
    subject = haut.subjects.create("subject-1")
    sandbox.faults.add("get_dataset", changed(image_type=None))
    with pytest.raises(ConfigError, match="pass side and light as numbers"):
        haut.images.request_upload(subject.id, light="regular")
    haut.images.request_upload(subject.id, light="regular")


def test_names_require_a_dataset_id(sandbox: Sandbox) -> None:
    credentials: dict[str, Any] = {**sandbox.credentials, "dataset_id": None}
    [subject] = sandbox.add_subjects(1)
    with Haut(**credentials) as haut:
        haut.images.request_upload(subject.id, side="left", light=1)
        with pytest.raises(ConfigError, match="needs a dataset"):
            haut.images.request_upload(subject.id, light="regular")


def test_error_of_the_name_lookup_is_raised(sandbox: Sandbox, haut: Haut) -> None:
    subject = haut.subjects.create("subject-1")
    sandbox.faults.add("get_dataset", faults.status(404))
    with pytest.raises(NotFound):
        haut.images.request_upload(subject.id, light="regular")
    assert sandbox.received("create_signed_upload_url") == 0
