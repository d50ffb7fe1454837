"""GET /api/v1/dicts/algorithms/"""

from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...errors import READ_FAILURES as _READ_FAILURES
from ...errors import DecodeError as _DecodeError
from ...errors import as_list as _as_list
from ...models.algorithm import Algorithm
from ...models.error_response import ErrorResponse
from ...models.paginated_algorithm_list import PaginatedAlgorithmList
from ...types import UNSET, Response, Unset
from ...types import http_status as _http_status
from ...types import put_query as _put_query


def _get_kwargs(
    *,
    page: int | Unset = UNSET,
) -> dict[str, Any]:
    _params: dict[str, Any] = {}
    _put_query(_params, "page", page, "form", True)

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/dicts/algorithms/",
        "params": _params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorResponse | list[Algorithm] | PaginatedAlgorithmList | None:
    try:
        if response.status_code == 200:

            def _parse_response_200(
                data: object,
            ) -> list[Algorithm] | PaginatedAlgorithmList:
                try:
                    if not isinstance(data, list):
                        raise TypeError()
                    _response_200_type_0 = _as_list(data)
                    response_200_type_0 = []
                    try:
                        for response_200_type_0_item_data in _response_200_type_0:
                            response_200_type_0_item = Algorithm.from_dict(
                                response_200_type_0_item_data
                            )

                            response_200_type_0.append(response_200_type_0_item)
                    except _READ_FAILURES as __error:
                        raise _DecodeError.at(
                            "list", len(response_200_type_0), __error
                        ) from None

                    return response_200_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                if not isinstance(data, dict):
                    raise TypeError()
                response_200_type_1 = PaginatedAlgorithmList.from_dict(data)

                return response_200_type_1

            response_200 = _parse_response_200(response.json())

            return response_200

        if response.status_code == 400:
            response_400 = ErrorResponse.from_dict(response.json())

            return response_400

        if response.status_code == 401:
            response_401 = ErrorResponse.from_dict(response.json())

            return response_401

        if response.status_code == 403:
            response_403 = ErrorResponse.from_dict(response.json())

            return response_403

        if response.status_code == 404:
            response_404 = ErrorResponse.from_dict(response.json())

            return response_404

        if response.status_code == 429:
            response_429 = ErrorResponse.from_dict(response.json())

            return response_429

        if client.raise_on_unexpected_status:
            raise errors.UnexpectedStatus(response.status_code, response.content)
        else:
            return None

    except _READ_FAILURES as __error:
        raise _DecodeError.at(
            "a response of list_algorithms", "(body)", __error
        ) from None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ErrorResponse | list[Algorithm] | PaginatedAlgorithmList]:
    return Response(
        status_code=_http_status(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    page: int | Unset = UNSET,
) -> Response[ErrorResponse | list[Algorithm] | PaginatedAlgorithmList]:
    """List algorithms

    Args:
        page (int | Unset): A page number within the paginated result set. The first page is 1.

    Returns:
        Response[ErrorResponse | list[Algorithm] | PaginatedAlgorithmList]

    Raises:
        errors.DecodeError: If the body of the response does not match its schema.
        errors.UnexpectedStatus: If the response has an undocumented status, and the client was created with
            raise_on_unexpected_status=True.
        httpx.HTTPError: If no complete response arrives, such as httpx.TimeoutException after a timeout.
        haut_ext.HautError: With `haut.api` as the client, instead of httpx.HTTPError and of returning a response
            with an error status.
    """

    _kwargs = _get_kwargs(
        page=page,
    )

    _response = client.get_httpx_client().request(
        **_kwargs,
    )

    return _build_response(client=client, response=_response)


def sync(
    *,
    client: AuthenticatedClient,
    page: int | Unset = UNSET,
) -> ErrorResponse | list[Algorithm] | PaginatedAlgorithmList | None:
    """List algorithms

    Args:
        page (int | Unset): A page number within the paginated result set. The first page is 1.

    Returns:
        ErrorResponse | list[Algorithm] | PaginatedAlgorithmList

    Raises:
        errors.DecodeError: If the body of the response does not match its schema.
        errors.UnexpectedStatus: If the response has an undocumented status, and the client was created with
            raise_on_unexpected_status=True.
        httpx.HTTPError: If no complete response arrives, such as httpx.TimeoutException after a timeout.
        haut_ext.HautError: With `haut.api` as the client, instead of httpx.HTTPError and of returning a response
            with an error status.
    """

    return sync_detailed(
        client=client,
        page=page,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    page: int | Unset = UNSET,
) -> Response[ErrorResponse | list[Algorithm] | PaginatedAlgorithmList]:
    """List algorithms

    Args:
        page (int | Unset): A page number within the paginated result set. The first page is 1.

    Returns:
        Response[ErrorResponse | list[Algorithm] | PaginatedAlgorithmList]

    Raises:
        errors.DecodeError: If the body of the response does not match its schema.
        errors.UnexpectedStatus: If the response has an undocumented status, and the client was created with
            raise_on_unexpected_status=True.
        httpx.HTTPError: If no complete response arrives, such as httpx.TimeoutException after a timeout.
        haut_ext.HautError: With `haut.api` as the client, instead of httpx.HTTPError and of returning a response
            with an error status.
    """

    _kwargs = _get_kwargs(
        page=page,
    )

    _response = await client.get_async_httpx_client().request(**_kwargs)

    return _build_response(client=client, response=_response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    page: int | Unset = UNSET,
) -> ErrorResponse | list[Algorithm] | PaginatedAlgorithmList | None:
    """List algorithms

    Args:
        page (int | Unset): A page number within the paginated result set. The first page is 1.

    Returns:
        ErrorResponse | list[Algorithm] | PaginatedAlgorithmList

    Raises:
        errors.DecodeError: If the body of the response does not match its schema.
        errors.UnexpectedStatus: If the response has an undocumented status, and the client was created with
            raise_on_unexpected_status=True.
        httpx.HTTPError: If no complete response arrives, such as httpx.TimeoutException after a timeout.
        haut_ext.HautError: With `haut.api` as the client, instead of httpx.HTTPError and of returning a response
            with an error status.
    """

    return (
        await asyncio_detailed(
            client=client,
            page=page,
        )
    ).parsed
