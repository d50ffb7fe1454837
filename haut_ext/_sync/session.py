# Derived from haut_ext/_async/session.py by `make sync`; change that file instead.
"""What the resources and workflows of one client share: where it works, and how it calls an operation.

An operation is a module of the generated client, `haut_api.api.subjects.create_subject` for one.
Calling it here gives its result alone: the wire has raised for everything that is not a success,
and a success that does not fit the spec is raised here.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from attrs import frozen

from haut_api.client import AuthenticatedClient
from haut_ext._sync.transport import Transport
from haut_ext.errors import HautError, UnexpectedResponse
from haut_ext.settings import Scope
from haut_ext.wire.answers import field_of

Result = TypeVar("Result")
Parsed = TypeVar("Parsed", covariant=True)


class ResponseOf(Protocol[Parsed]):
    """A generated `Response`, of whatever type it was parsed to."""

    @property
    def status_code(self) -> int: ...
    @property
    def content(self) -> bytes: ...
    @property
    def parsed(self) -> Parsed | None: ...


class Operation(Protocol[Parsed]):
    """A module of the generated client."""

    @property
    def __name__(self) -> str: ...
    def sync_detailed(self, *args: Any, **kwargs: Any) -> ResponseOf[Parsed]: ...


@frozen
class Session:
    """One client's scope, generated client and wire."""

    scope: Scope
    api: AuthenticatedClient
    transport: Transport

    def call(self, operation: Operation[Any], result: type[Result], **parameters: Any) -> Result:
        """Call an operation of this company and return its result.

        Raises:
            UnexpectedResponse: If the service's success is not the expected `result`.
            HautError: Whatever the wire raises.
        """
        response = self._respond(operation, parameters)
        if isinstance(response.parsed, result):
            return response.parsed
        raise self._misfit(operation, response.status_code, "(body)", "it is not documented")

    def call_for_nothing(self, operation: Operation[Any], **parameters: Any) -> None:
        """Call an operation of this company whose success has no body worth returning.

        Raises:
            UnexpectedResponse: If the body says `"ok": false`.
            HautError: Whatever the wire raises.
        """
        response = self._respond(operation, parameters)
        if getattr(response.parsed, "ok", True) is False:
            raise self._misfit(operation, response.status_code, "ok", "it is false")

    def _respond(self, operation: Operation[Any], parameters: dict[str, Any]) -> ResponseOf[Any]:
        try:
            return operation.sync_detailed(
                client=self.api, company_id=self.scope.company_id, **parameters
            )
        except HautError:
            raise
        except Exception as error:
            # Whatever a generated model trips over while parsing means one thing; a mistake in
            # our own request stays what it is.
            if (field := field_of(error)) is None:
                raise
            raise self._misfit(operation, 200, field, _problem(error)) from error

    def _misfit(
        self, operation: Operation[Any], status: int, field: str, problem: str
    ) -> UnexpectedResponse:
        name = operation.__name__.rpartition(".")[2]
        return UnexpectedResponse(
            f"{name}: the service answered {status}, but {field} does not fit the spec: {problem}. "
            "Either the service has changed, or the spec of this release is wrong there.",
            operation=name,
            status=status,
            field=field,
        )


def _problem(error: Exception) -> str:
    # The text of other errors quotes the value, which may be personal.
    return (
        "it is missing" if isinstance(error, KeyError) else f"{type(error).__name__} on reading it"
    )
