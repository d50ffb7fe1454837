"""What the resources and workflows of one client share: where it works, and how it calls an operation.

An operation is a module of the generated client, `haut_api.api.subjects.create_subject` for one.
Calling it here gives its result alone: the wire has raised for everything that is not a success,
and a success that does not fit the spec is raised here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Protocol, TypeVar
from uuid import UUID

from attrs import field, frozen

from haut_api.client import AuthenticatedClient
from haut_api.models import ImageType
from haut_api.types import Response
from haut_ext._async.transport import AsyncTransport
from haut_ext.errors import HautError, UnexpectedResponse
from haut_ext.settings import Scope
from haut_ext.wire.answers import OPERATION_HEADER, body_head, misfit, shown_headers

Result = TypeVar("Result")
Parsed = TypeVar("Parsed", covariant=True)


class ResponseOf(Protocol[Parsed]):
    """A generated `Response`, of whatever type it was parsed to."""

    @property
    def status_code(self) -> int: ...
    @property
    def content(self) -> bytes: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def parsed(self) -> Parsed | None: ...


class AsyncOperation(Protocol[Parsed]):
    """A module of the generated client."""

    @property
    def __name__(self) -> str: ...
    def _get_kwargs(self, *args: Any, **kwargs: Any) -> dict[str, Any]: ...
    async def asyncio_detailed(self, *args: Any, **kwargs: Any) -> ResponseOf[Parsed]: ...


@frozen
class AsyncSession:
    """One client's scope, generated client and wire."""

    scope: Scope
    api: AuthenticatedClient
    transport: AsyncTransport
    image_types: dict[UUID, ImageType] = field(factory=dict[UUID, "ImageType"])
    """Of the datasets that have been asked for a side's or a light's number."""

    async def call(
        self, operation: AsyncOperation[Any], result: type[Result], **parameters: Any
    ) -> Result:
        """Call an operation, of this company if it is of one, and return its result.

        Raises:
            UnexpectedResponse: If the service's success is not the expected `result`.
            HautError: Whatever the wire raises.
        """
        response = await self.respond(operation, parameters)
        return self.expect(response, result)

    def expect(self, response: ResponseOf[Any], result: type[Result]) -> Result:
        """Return what a response was parsed to.

        Raises:
            UnexpectedResponse: If that is not the expected `result`.
        """
        if isinstance(response.parsed, result):
            return response.parsed
        raise self.misfit(response, "(body)", "it is not documented")

    async def read(self, operation: AsyncOperation[Any], kind: type[Any], **parameters: Any) -> Any:
        """Call an operation of this company and return its JSON as it came.

        For answers that are open by nature: of the models, one field that does not fit would be
        reason to refuse all the others.

        Raises:
            UnexpectedResponse: If the JSON is not of the expected `kind`, such as `list`.
            HautError: Whatever the wire raises.
        """
        request = operation._get_kwargs(  # pyright: ignore[reportPrivateUsage]
            company_id=self.scope.company_id, **parameters
        )
        answer = await self.api.get_async_httpx_client().request(**request)
        status = HTTPStatus(answer.status_code)
        response = Response(status, answer.content, answer.headers, answer.json())
        return self.expect(response, kind)

    async def call_for_nothing(self, operation: AsyncOperation[Any], **parameters: Any) -> None:
        """Call an operation whose success has no body worth returning, likewise.

        Raises:
            UnexpectedResponse: If the body says `"ok": false`.
            HautError: Whatever the wire raises.
        """
        response = await self.respond(operation, parameters)
        if getattr(response.parsed, "ok", True) is False:
            raise self.misfit(response, "ok", "it is false")

    async def respond(
        self, operation: AsyncOperation[Parsed], parameters: dict[str, Any]
    ) -> ResponseOf[Parsed]:
        """Call an operation, of this company if it is of one, and return its response, a success."""
        company = {"company_id": self.scope.company_id}
        of_it = company if _is_of_a_company(operation.asyncio_detailed) else {}
        try:
            return await operation.asyncio_detailed(client=self.api, **of_it, **parameters)
        except HautError:
            raise
        except Exception as error:
            # Whatever a generated model trips over while parsing means one thing; a mistake in
            # our own request stays what it is.
            if (unfit := misfit(error)) is None:
                raise
            raise unfit from None

    def misfit(self, response: ResponseOf[Any], field: str, problem: str) -> UnexpectedResponse:
        """Return the error for a success that was parsed, but is not what the spec promises."""
        operation = response.headers[OPERATION_HEADER]
        return UnexpectedResponse(
            f"{operation} answered {response.status_code:d}, but {field} does not fit the spec: "
            f"{problem}. Either the service has changed, or the spec of this release is wrong there.",
            operation=operation,
            status=int(response.status_code),
            field=field,
            headers=shown_headers(response.headers),
            body=body_head(response.content),
        )


@cache
def _is_of_a_company(function: Callable[..., object]) -> bool:
    return "company_id" in inspect.signature(function).parameters
