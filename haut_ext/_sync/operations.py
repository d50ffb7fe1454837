# Derived from haut_ext/_async/operations.py by `make sync`; change that file instead.
"""What the resources and workflows of one client share: where it works, and how it calls an
operation.

An operation is a module of the generated client, such as `haut_api.api.subjects.create_subject`.
The HTTP core has raised for everything that is not a success; a success that does not fit the spec
is raised here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from attrs import field, frozen

from haut_api.errors import DecodeError
from haut_api.models import ImageType
from haut_ext._http.call import Call
from haut_ext._http.response_capture import ResponseInfo, collect_responses
from haut_ext._http.response_errors import unexpected_response
from haut_ext._sync.generated_client import ApiClient
from haut_ext._sync.http import HTTPClient
from haut_ext.errors import UnexpectedResponse
from haut_ext.settings import Scope

Result = TypeVar("Result")
Parsed = TypeVar("Parsed", covariant=True)


class ParsedResponse(Protocol[Parsed]):
    """A generated `Response`, of whatever type its body was parsed to."""

    @property
    def parsed(self) -> Parsed | None: ...


class Operation(Protocol[Parsed]):
    """A module of the generated client."""

    @property
    def __name__(self) -> str: ...
    def _get_kwargs(self, *args: Any, **kwargs: Any) -> dict[str, Any]: ...
    def sync_detailed(self, *args: Any, **kwargs: Any) -> ParsedResponse[Parsed]: ...


@frozen
class Success(Generic[Parsed]):
    """The result of an operation, and the response behind it."""

    parsed: Parsed | None
    info: ResponseInfo
    http_call: Call = field(repr=False)


@frozen
class Operations:
    """One client's scope, generated client and HTTP client."""

    scope: Scope
    http: HTTPClient
    api: ApiClient
    image_types: dict[UUID, ImageType] = field(factory=dict[UUID, "ImageType"])
    """Of the datasets whose sides or lights were looked up by name."""

    def call(self, operation: Operation[Any], result: type[Result], **parameters: Any) -> Result:
        """Call an operation and return its result; `company_id` is added if it takes one.

        Raises:
            UnexpectedResponse: If the success is not the expected `result`.
            HautError: Whatever the HTTP core raises.
        """
        return self.unwrap(self.request(operation, parameters), result)

    def unwrap(self, success: Success[Any], result: type[Result]) -> Result:
        """Return what a body was parsed to.

        Raises:
            UnexpectedResponse: If that is not the expected `result`.
        """
        if isinstance(success.parsed, result):
            return success.parsed
        raise self.decode_error(success, "(body)", "it is not documented")

    def get_json(self, operation: Operation[Any], kind: type[Any], **parameters: Any) -> Any:
        """Call an operation of this company and return its JSON as it came.

        For bodies that are open by nature: in a model, one field that does not fit hides all
        others.

        Raises:
            UnexpectedResponse: If the JSON is not of the expected `kind`, such as `list`.
            HautError: Whatever the HTTP core raises.
        """
        arguments = operation._get_kwargs(  # pyright: ignore[reportPrivateUsage]
            company_id=self.scope.company_id, **parameters
        )
        found: list[tuple[ResponseInfo, Call]] = []
        with collect_responses(found.append):
            response = self.http.request(**arguments)
        return self.unwrap(Success(response.json(), *found[-1]), kind)

    def call_without_content(self, operation: Operation[Any], **parameters: Any) -> None:
        """Call an operation whose success has no body worth returning.

        Raises:
            UnexpectedResponse: If the body says `"ok": false`.
            HautError: Whatever the HTTP core raises.
        """
        success = self.request(operation, parameters)
        if getattr(success.parsed, "ok", True) is False:
            raise self.decode_error(success, "ok", "it is false")

    def request(self, operation: Operation[Parsed], parameters: dict[str, Any]) -> Success[Parsed]:
        """Call an operation and return its success; `company_id` is added if it takes one.

        Raises:
            UnexpectedResponse: If the body does not fit its model.
            HautError: Whatever the HTTP core raises.
        """
        if _takes_company(operation.sync_detailed):
            parameters = {"company_id": self.scope.company_id, **parameters}
        found: list[tuple[ResponseInfo, Call]] = []
        with collect_responses(found.append):
            try:
                response = operation.sync_detailed(client=self.api, **parameters)
            except DecodeError as error:
                info, http_call = found[-1]
                problem = f"{error.field} does not fit the spec"
                raise unexpected_response(info.response, http_call, problem, error.field) from None
        return Success(response.parsed, *found[-1])

    def decode_error(self, success: Success[Any], field: str, problem: str) -> UnexpectedResponse:
        """Return the error for a success that was parsed, but is not what the spec says."""
        text = f"{field} does not fit the spec: {problem}"
        return unexpected_response(success.info.response, success.http_call, text, field)


@cache
def _takes_company(function: Callable[..., object]) -> bool:
    return "company_id" in inspect.signature(function).parameters
