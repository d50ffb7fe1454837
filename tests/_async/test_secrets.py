"""Tokens, passwords and signed URLs appear neither in tracebacks nor in printed values."""

from __future__ import annotations

import io
import pickle
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve
from rich.pretty import pretty_repr

from haut_api.models import LoginRequest, LoginResult, RefreshedTokens, RefreshRequest
from haut_ext import AsyncHaut, HautError, Photo, SignedUpload
from haut_ext.sandbox import Fault, Sandbox, faults
from tests.photo_files import jpeg
from tests.support.collected_locals import collected_locals

pytestmark = pytest.mark.anyio

PHOTO = jpeg((256, 256), quality=1)
TOKEN = "a-token-of-a-user"
PASSWORD = "a-password-of-a-user"
SIGNATURE = "X-Goog-Signature"
ID = "2fea742a-62ec-4a81-9729-9e0283f9c40c"


def assert_hidden(error: BaseException, *secrets: str) -> None:
    found = [
        place for place, text in collected_locals(error) for secret in secrets if secret in text
    ]
    assert not found
    assert not [secret for secret in secrets if secret in str(error)]


CONSTRUCTORS: dict[str, Callable[[str], Any]] = {
    "invalid company": lambda token: AsyncHaut(token=token, company_id="a"),
    "invalid token": lambda token: AsyncHaut(token=token + " ", company_id=ID),
    "invalid option": lambda token: AsyncHaut(token=token, company_id=ID, deadline=-1),
    "proxy": lambda token: AsyncHaut(token="a", company_id=ID, proxy=f"x://a:{token}@b"),
    "header": lambda token: AsyncHaut(token="a", company_id=ID, headers={"a": token + "\n"}),
    "unencrypted": lambda token: AsyncHaut(token=token, company_id=ID, base_url="http://a.example"),
    "environment": lambda token: AsyncHaut.from_env({"HAUT_TOKEN": token}),
    "invalid token in the environment": lambda token: AsyncHaut.from_env(
        {"HAUT_TOKEN": f"a {token}", "HAUT_COMPANY_ID": ID}
    ),
    "environment of the process": lambda token: AsyncHaut(),
}


@pytest.mark.parametrize("create", CONSTRUCTORS.values(), ids=CONSTRUCTORS.keys())
async def test_traceback_of_the_constructor_shows_no_token(
    create: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAUT_TOKEN", TOKEN)
    monkeypatch.delenv("HAUT_COMPANY_ID", raising=False)
    with pytest.raises(HautError) as caught:
        create(TOKEN)
    assert_hidden(caught.value, TOKEN)


@pytest.mark.parametrize("kind", ["string", "callable", "invalid"])
@pytest.mark.parametrize(
    "fault",
    [faults.status(500), faults.unauthorized(), faults.reset(), faults.truncated_json()],
    ids=str,
)
async def test_traceback_of_a_call_shows_no_token(
    sandbox: Sandbox, fault: Fault, kind: str
) -> None:
    token = sandbox.credentials["token"]
    given: dict[str, Any] = {
        "string": token,
        "callable": lambda: token,
        "invalid": lambda: token + " ",
    }
    sandbox.faults.add("list_subjects", fault, times=None)
    async with AsyncHaut(**{**sandbox.credentials, "token": given[kind]}, max_retries=0) as haut:
        with pytest.raises(HautError) as caught:
            await haut.subjects.list()
        assert_hidden(caught.value, token)
        assert token not in pretty_repr(vars(haut), max_depth=8)
        assert token not in pretty_repr(vars(haut._operations.http.connections.tokens))
    sandbox.faults.clear()


@pytest.mark.parametrize("wrong", ["password", "token_life", "option", "address"])
async def test_traceback_of_a_failed_login_shows_no_password(sandbox: Sandbox, wrong: str) -> None:
    options: dict[str, Any] = {"base_url": sandbox.credentials["base_url"], "max_retries": 0}
    changes: dict[str, dict[str, Any]] = {
        "token_life": {"token_life": -1.0},
        "option": {"unknown": 1},
    }
    options |= changes.get(wrong, {})
    if wrong == "address":
        options["base_url"] = "http://127.0.0.1:9"
    with pytest.raises(HautError) as caught:
        await AsyncHaut.login("user@example.com", PASSWORD, **options)
    assert_hidden(caught.value, PASSWORD, "user@example.com")


@pytest.mark.parametrize("fault", [faults.status(500), faults.reset(), faults.status(400)], ids=str)
async def test_traceback_of_a_failed_refresh_shows_no_secret(
    sandbox: Sandbox, fault: Fault
) -> None:
    options: dict[str, Any] = {"base_url": sandbox.credentials["base_url"], "max_retries": 0}
    async with await AsyncHaut.login(**sandbox.login_credentials, **options) as haut:
        sandbox.expire_tokens()
        sandbox.faults.add("refresh_access_token", fault)
        with pytest.raises(HautError) as caught:
            await haut.subjects.list()
        secrets = [*map(str, sandbox.login_credentials.values())]
        secrets += sandbox.state.authentication.issued_secrets()
        assert_hidden(caught.value, *secrets)
        provider = haut._operations.http.connections.tokens.provider
        assert not [it for it in secrets if it in pretty_repr(vars(provider))]
        with pytest.raises(TypeError, match="secret"):
            pickle.dumps(vars(provider)["_password"])


@pytest.mark.parametrize("fault", [faults.status(403), faults.status(500), faults.reset()], ids=str)
@pytest.mark.parametrize("method", ["workflow", "image", "download", "bytes"])
async def test_traceback_of_a_transfer_shows_no_signed_url(
    sandbox: Sandbox, fault: Fault, method: str
) -> None:
    async with AsyncHaut(**sandbox.credentials, max_retries=0) as haut:
        subject = await haut.subjects.create("a person")
        image = await haut.images.upload(subject.id, PHOTO)
        slot = await haut.images.request_upload(subject.id)
        calls: dict[str, Callable[[], Awaitable[Any]]] = {
            "workflow": lambda: haut.upload_and_compute(subject.id, front=PHOTO),
            "image": lambda: haut.images.upload(subject.id, PHOTO),
            "download": lambda: haut.images.download(image.image_id, io.BytesIO()),
            "bytes": lambda: haut.images.send_bytes(slot, Photo.open(PHOTO)),
        }
        sandbox.faults.add("download_image" if method == "download" else "upload_image", fault)
        with pytest.raises(HautError) as caught:
            await calls[method]()
        assert_hidden(caught.value, SIGNATURE)
        assert sandbox.faults.pending == []


HEADERS = {"X-Key": TOKEN}
CALLS_WITH_HEADERS: dict[str, Callable[[AsyncHaut], Any]] = {
    "request": lambda haut: haut.request("GET", "/api/v1/unknown/", headers=HEADERS),
    "path": lambda haut: haut.request("GET", "unknown", headers=HEADERS),
    "header": lambda haut: haut.request("GET", "/", headers={"a": TOKEN + "\n"}),
    "name": lambda haut: haut.request("GET", "/", headers={"Host": TOKEN}),
    "option": lambda haut: haut.with_options(headers=HEADERS, deadline=-1),
    "invalid option": lambda haut: haut.with_options(headers={"a": TOKEN + "\n"}),
    "hook": lambda haut: haut.with_options(headers=HEADERS, event_hooks={"a": []}),
    "raw": lambda haut: haut.api.with_headers({"a": TOKEN + "\n"}),
    "copy": lambda haut: haut.with_options(headers=HEADERS).request("GET", "/api/v1/unknown/"),
}


@pytest.mark.parametrize("call", CALLS_WITH_HEADERS.values(), ids=CALLS_WITH_HEADERS.keys())
async def test_traceback_shows_no_header_of_the_caller(
    sandbox: Sandbox, call: Callable[[AsyncHaut], Any]
) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(HautError) as caught:
            await call(haut)
    assert_hidden(caught.value, TOKEN)


class BrokenFile(io.BytesIO):
    """File that cannot be read any more once it is sent."""

    broken = False

    def read(self, size: int | None = -1) -> bytes:
        if self.broken:
            raise OSError("the disk is gone")
        return super().read(size)


async def test_traceback_of_a_broken_file_shows_no_signed_url(sandbox: Sandbox) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        subject = await haut.subjects.create("a person")
        slot = await haut.images.request_upload(subject.id)
        file = BrokenFile(PHOTO)
        photo = Photo.open(file)
        file.broken = True
        with pytest.raises(HautError) as caught:
            await haut.images.send_bytes(slot, photo)
        assert_hidden(caught.value, SIGNATURE)


class HookError(Exception):
    pass


@pytest.mark.parametrize("event", ["request", "response", "closed client"])
async def test_traceback_of_a_failed_hook_or_a_closed_client_shows_no_secret(
    sandbox: Sandbox, event: str
) -> None:
    def fail(_: object) -> None:
        raise HookError

    async with AsyncHaut(**sandbox.credentials) as haut:
        subject = await haut.subjects.create("a person")
        slot = await haut.images.request_upload(subject.id)
        if event == "closed client":
            await haut.aclose()
        else:
            haut = haut.with_options(event_hooks={event: [fail]})
        for call in (
            lambda: haut.images.send_bytes(slot, Photo.open(PHOTO)),
            haut.subjects.list,
        ):
            with pytest.raises((HookError, HautError)) as caught:
                await call()
            assert_hidden(caught.value, SIGNATURE, sandbox.credentials["token"])


async def test_traceback_of_an_invalid_argument_does_not_show_it(sandbox: Sandbox) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        revoke: Any = haut.private_tokens.revoke
        with pytest.raises(HautError) as caught:
            await revoke(TOKEN)
    assert_hidden(caught.value, TOKEN)


@pytest.mark.parametrize("change", [{"url": "ftp://a/?X-Goog-Signature=a"}, {"method": "DELETE"}])
async def test_traceback_of_an_invalid_slot_shows_no_signed_url(
    sandbox: Sandbox, change: dict[str, Any]
) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        subject = await haut.subjects.create("a person")
        slot = await haut.images.request_upload(subject.id)
        slot = evolve(slot, upload_url=evolve(slot.upload_url, **change))
        with pytest.raises(HautError) as caught:
            await haut.images.send_bytes(slot, Photo.open(PHOTO))
        assert_hidden(caught.value, SIGNATURE)


async def test_printed_models_show_no_secret(sandbox: Sandbox) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        subject = await haut.subjects.create("a person")
        slot: SignedUpload = await haut.images.request_upload(subject.id)
        await haut.images.upload(subject.id, PHOTO)
        images = (await haut.images.list(subject.id)).items
        token = await haut.private_tokens.create("job", datetime(2099, 1, 1, tzinfo=UTC))
    login = LoginRequest("user@example.com", PASSWORD)
    result = LoginResult.from_dict(
        {
            "id": 1,
            "email": "user@example.com",
            "username": "a person",
            "company_id": ID,
            "token_access": TOKEN,
            "access_token": TOKEN,
            "refresh_token": TOKEN,
            "is_verified": True,
            "profile": {},
            "another": TOKEN,
        }
    )
    refreshed = RefreshedTokens.from_dict({"access_token": TOKEN, "refresh_token": TOKEN})
    values = [subject, slot, *images, token, login, result, refreshed, RefreshRequest(TOKEN)]
    secrets = [TOKEN, PASSWORD, SIGNATURE, token.data, "user@example.com", "a person"]
    for printed in (pretty_repr(values), repr(values), str({"all": values})):
        assert not [secret for secret in secrets if secret in printed]
    assert str(subject.id) in pretty_repr(subject)
