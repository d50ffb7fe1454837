"""POST /api/v1/auth/private_tokens/"""

from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...errors import READ_FAILURES as _READ_FAILURES
from ...errors import DecodeError as _DecodeError
from ...models.created_private_token import CreatedPrivateToken
from ...models.error_response import ErrorResponse
from ...models.private_token_request import PrivateTokenRequest
from ...types import Response
from ...types import http_status as _http_status


def _get_kwargs(
    *,
    body: PrivateTokenRequest,
) -> dict[str, Any]:
    _headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/v1/auth/private_tokens/",
    }

    _kwargs["json"] = body.to_dict()

    _headers["Content-Type"] = "application/json"

    _kwargs["headers"] = _headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> CreatedPrivateToken | ErrorResponse | None:
    try:
        if response.status_code == 201:
            response_201 = CreatedPrivateToken.from_dict(response.json())

            return response_201

        if response.status_code == 400:
            response_400 = ErrorResponse.from_dict(response.json())

            return response_400

        if response.status_code == 401:
            response_401 = ErrorResponse.from_dict(response.json())

            return response_401

        if response.status_code == 403:
            response_403 = ErrorResponse.from_dict(response.json())

            return response_403

        if response.status_code == 429:
            response_429 = ErrorResponse.from_dict(response.json())

            return response_429

        if client.raise_on_unexpected_status:
            raise errors.UnexpectedStatus(response.status_code, response.content)
        else:
            return None

    except _READ_FAILURES as __error:
        raise _DecodeError.at(
            "a response of create_private_token", "(body)", __error
        ) from None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[CreatedPrivateToken | ErrorResponse]:
    return Response(
        status_code=_http_status(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: PrivateTokenRequest,
) -> Response[CreatedPrivateToken | ErrorResponse]:
    """Create a private token

    The token itself stands in this answer only.

    Args:
        body (PrivateTokenRequest):

    Returns:
        Response[CreatedPrivateToken | ErrorResponse]

    Raises:
        errors.DecodeError: If the body of the response does not match its schema.
        errors.UnexpectedStatus: If the response has an undocumented status, and the client was created with
            raise_on_unexpected_status=True.
        httpx.HTTPError: If no complete response arrives, such as httpx.TimeoutException after a timeout.
        haut_ext.HautError: With `haut.api` as the client, instead of httpx.HTTPError and of returning a response
            with an error status.
    """

    _kwargs = _get_kwargs(
        body=body,
    )

    _response = client.get_httpx_client().request(
        **_kwargs,
    )

    return _build_response(client=client, response=_response)


def sync(
    *,
    client: AuthenticatedClient,
    body: PrivateTokenRequest,
) -> CreatedPrivateToken | ErrorResponse | None:
    """Create a private token

    The token itself stands in this answer only.

    Args:
        body (PrivateTokenRequest):

    Returns:
        CreatedPrivateToken | ErrorResponse

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
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: PrivateTokenRequest,
) -> Response[CreatedPrivateToken | ErrorResponse]:
    """Create a private token

    The token itself stands in this answer only.

    Args:
        body (PrivateTokenRequest):

    Returns:
        Response[CreatedPrivateToken | ErrorResponse]

    Raises:
        errors.DecodeError: If the body of the response does not match its schema.
        errors.UnexpectedStatus: If the response has an undocumented status, and the client was created with
            raise_on_unexpected_status=True.
        httpx.HTTPError: If no complete response arrives, such as httpx.TimeoutException after a timeout.
        haut_ext.HautError: With `haut.api` as the client, instead of httpx.HTTPError and of returning a response
            with an error status.
    """

    _kwargs = _get_kwargs(
        body=body,
    )

    _response = await client.get_async_httpx_client().request(**_kwargs)

    return _build_response(client=client, response=_response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: PrivateTokenRequest,
) -> CreatedPrivateToken | ErrorResponse | None:
    """Create a private token

    The token itself stands in this answer only.

    Args:
        body (PrivateTokenRequest):

    Returns:
        CreatedPrivateToken | ErrorResponse

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
            body=body,
        )
    ).parsed
