# Derived from haut_ext/_async/operations.py by `make sync`; change that file instead.
"""Calls operations of the generated client, for the resources and workflows of a Haut client.

An operation is a module of the generated client, such as `haut_api.api.subjects.create_subject`.
The HTTP client raises an error for every unsuccessful response. For a successful response that does
not match the spec, this module raises UnexpectedResponse.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from uuid import UUID

from attrs import field, frozen

from haut_api.errors import DecodeError
from haut_ext._http.call import Call
from haut_ext._http.response_capture import ResponseInfo, collect_responses
from haut_ext._http.response_errors import unexpected_response
from haut_ext._sync.generated_client import ApiClient
from haut_ext._sync.http import HTTPClient
from haut_ext.argument_checks import parse_id
from haut_ext.errors import UnexpectedResponse
from haut_ext.settings import Scope

if TYPE_CHECKING:
    from haut_api.models import ImageType

Result = TypeVar("Result")
Parsed = TypeVar("Parsed", covariant=True)


class ParsedResponse(Protocol[Parsed]):
    """A generated `Response` with its parsed body."""

    @property
    def parsed(self) -> Parsed | None: ...


class Operation(Protocol[Parsed]):
    """A generated operation: a module of `haut_api.api`."""

    @property
    def __name__(self) -> str: ...
    def _get_kwargs(self, *args: Any, **kwargs: Any) -> dict[str, Any]: ...
    def sync_detailed(self, *args: Any, **kwargs: Any) -> ParsedResponse[Parsed]: ...


@frozen
class Success(Generic[Parsed]):
    """The parsed body of a successful response, with the response and its request."""

    parsed: Parsed | None
    info: ResponseInfo
    http_call: Call = field(repr=False)


@frozen
class Operations:
    """Calls generated operations on behalf of one Haut client.

    All methods take the operation's parameters, add the defaults described in `arguments`, and
    raise the same errors as the HTTP client.
    """

    scope: Scope
    http: HTTPClient
    api: ApiClient
    image_types: dict[UUID, ImageType] = field(factory=dict[UUID, "ImageType"])
    """Cache of image types by dataset, for looking up sides and lights by name."""

    def arguments(self, operation: Operation[Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return an operation's arguments, without None values and with ids converted to UUIDs.

        The client's company is added, and the client's dataset unless `parameters` contain one.

        Raises:
            ConfigError: If an id is not a UUID.
        """
        signature = _signature(operation.sync_detailed)
        arguments = {name: value for name, value in parameters.items() if value is not None}
        for name, parameter in signature.parameters.items():
            if name == "company_id":
                arguments[name] = parse_id(arguments.get(name, self.scope.company_id), name)
            elif name == "dataset_id":
                arguments[name] = self.scope.dataset(parameters.get(name))
            elif name in parameters and parameter.annotation is UUID:
                arguments[name] = parse_id(parameters[name], name)
        return arguments

    def call(self, operation: Operation[Any], result: type[Result], **parameters: Any) -> Result:
        """Call an operation and return its parsed body.

        Raises:
            UnexpectedResponse: If the parsed body is not an instance of `result`.
        """
        return self.unwrap(self.request(operation, parameters), result)

    def run(self, operation: Operation[Any], **parameters: Any) -> None:
        """Call an operation whose successful response carries no data.

        Raises:
            UnexpectedResponse: If the body is `{"ok": false}`.
        """
        success = self.request(operation, parameters)
        if getattr(success.parsed, "ok", True) is False:
            raise self.decode_error(success, "ok", "it is false")

    def get_json(self, operation: Operation[Any], kind: type[Any], **parameters: Any) -> Any:
        """Call an operation and return its JSON body without parsing it to a model.

        Use this method for responses with an incompletely documented schema: parsing to a model
        would reject the complete body if a single field did not match.

        Raises:
            UnexpectedResponse: If the JSON value is not an instance of `kind`, such as `list`.
        """
        arguments = self.arguments(operation, parameters)
        request = operation._get_kwargs(**arguments)  # pyright: ignore[reportPrivateUsage]
        collected: list[tuple[ResponseInfo, Call]] = []
        with collect_responses(collected.append):
            response = self.http.request(**request)
        content = response.json() if response.content else None
        return self.unwrap(Success(content, *collected[-1]), kind)

    def request(
        self, operation: Operation[Parsed], parameters: Mapping[str, Any]
    ) -> Success[Parsed]:
        """Call an operation and return the parsed body together with the response.

        Raises:
            UnexpectedResponse: If the body does not match its model.
        """
        arguments = self.arguments(operation, parameters)
        collected: list[tuple[ResponseInfo, Call]] = []
        with collect_responses(collected.append):
            try:
                response = operation.sync_detailed(client=self.api, **arguments)
            except DecodeError as error:
                info, http_call = collected[-1]
                problem = f"{error.field} does not fit the spec"
                raise unexpected_response(info.response, http_call, problem, error.field) from None
        return Success(response.parsed, *collected[-1])

    def unwrap(self, success: Success[Any], result: type[Result]) -> Result:
        """Return the parsed body of a successful response.

        Raises:
            UnexpectedResponse: If the parsed body is not an instance of `result`.
        """
        if isinstance(success.parsed, result):
            return success.parsed
        raise self.decode_error(success, "(body)", "it is not documented")

    def call_for(
        self, name: str, operation: Operation[Any], result: type[Result], **parameters: Any
    ) -> Result:
        """Call an operation and return its parsed body: the record whose id is a parameter.

        Raises:
            UnexpectedResponse: If the body is not an instance of `result`, or is another record.
        """
        success = self.request(operation, parameters)
        record = self.unwrap(success, result)
        if getattr(record, "id", None) != self.arguments(operation, parameters)[name]:
            raise self.decode_error(success, "id", "it is of another record")
        return record

    def decode_error(self, success: Success[Any], field: str, problem: str) -> UnexpectedResponse:
        """Return the error for a successful response whose parsed body has an unexpected value."""
        text = f"{field} does not fit the spec: {problem}"
        return unexpected_response(success.info.response, success.http_call, text, field)


class Resource:
    """Base class of resources, such as `haut.subjects`."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations


class lazy_resource(Generic[Result]):
    """Attribute of a client that is created on first use.

    Unlike `functools.cached_property` of Python 3.11, it holds no lock. A fork would copy a lock that
    another thread holds. In the class, the attribute is the resource's class, so that
    `unittest.mock.create_autospec(Haut)` knows the methods of resources.
    """

    def __init__(self, create: Callable[[Any], Result]) -> None:
        self._create = create
        self.__doc__ = create.__doc__

    def __get__(self, client: object, owner: type) -> Result:
        if client is None:
            name = self._create.__annotations__["return"]
            resource: Result = getattr(import_module("haut_ext"), name)
        else:
            resource = client.__dict__.setdefault(self._create.__name__, self._create(client))
        return resource


@cache
def _signature(function: Callable[..., object]) -> inspect.Signature:
    return inspect.signature(function)
