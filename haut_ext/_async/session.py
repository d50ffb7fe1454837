"""What the resources and workflows of one client share: where it works, and how it calls an operation.

An operation is a module of the generated client, `haut_api.api.subjects.create_subject` for one.
Calling it here gives its result alone: the wire has raised for everything that is not a success,
and a success that does not fit the spec is raised here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from attrs import frozen

from haut_api.client import AuthenticatedClient
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
    async def asyncio_detailed(self, *args: Any, **kwargs: Any) -> ResponseOf[Parsed]: ...


@frozen
class AsyncSession:
    """One client's scope, generated client and wire."""

    scope: Scope
    api: AuthenticatedClient
    transport: AsyncTransport

    async def call(
        self, operation: AsyncOperation[Any], result: type[Result], **parameters: Any
    ) -> Result:
        """Call an operation of this company and return its result.

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

    async def call_for_nothing(self, operation: AsyncOperation[Any], **parameters: Any) -> None:
        """Call an operation of this company whose success has no body worth returning.

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
        """Call an operation of this company and return its generated response, a success."""
        try:
            return await operation.asyncio_detailed(
                client=self.api, company_id=self.scope.company_id, **parameters
            )
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
