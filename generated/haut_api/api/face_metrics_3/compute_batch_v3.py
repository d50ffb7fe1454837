"""POST /api/v3/companies/{company_id}/batches/{batch_id}/compute/"""

from typing import Any, cast
from urllib.parse import quote as _quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...errors import READ_FAILURES as _READ_FAILURES
from ...errors import DecodeError as _DecodeError
from ...models.compute_request_v3 import ComputeRequestV3
from ...models.error_response import ErrorResponse
from ...types import UNSET, Response, Unset
from ...types import http_status as _http_status
from ...types import to_text as _to_text


def _get_kwargs(
    company_id: UUID,
    batch_id: UUID,
    *,
    body: ComputeRequestV3 | Unset = UNSET,
) -> dict[str, Any]:
    _headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/v3/companies/{company_id}/batches/{batch_id}/compute/".format(
            company_id=_quote(_to_text(company_id), safe=""),
            batch_id=_quote(_to_text(batch_id), safe=""),
        ),
    }

    if not isinstance(body, Unset):
        _kwargs["json"] = body.to_dict()

    _headers["Content-Type"] = "application/json"

    _kwargs["headers"] = _headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Any | ErrorResponse | None:
    try:
        if response.status_code == 204:
            response_204 = cast(Any, None)
            return response_204

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
            "a response of compute_batch_v3", "(body)", __error
        ) from None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Any | ErrorResponse]:
    return Response(
        status_code=_http_status(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    company_id: UUID,
    batch_id: UUID,
    *,
    client: AuthenticatedClient,
    body: ComputeRequestV3 | Unset = UNSET,
) -> Response[Any | ErrorResponse]:
    """Send batch images to Face Metrics 3.0 for processing

    Each algorithm on each image is billed.

    Args:
        company_id (UUID):
        batch_id (UUID): The `image_batch_id` of create_signed_upload_url.
        body (ComputeRequestV3 | Unset):

    Returns:
        Response[Any | ErrorResponse]

    Raises:
        errors.DecodeError: If the body of the response does not match its schema.
        errors.UnexpectedStatus: If the response has an undocumented status, and the client was created with
            raise_on_unexpected_status=True.
        httpx.HTTPError: If no complete response arrives, such as httpx.TimeoutException after a timeout.
        haut_ext.HautError: With `haut.api` as the client, instead of httpx.HTTPError and of returning a response
            with an error status.
    """

    _kwargs = _get_kwargs(
        company_id=company_id,
        batch_id=batch_id,
        body=body,
    )

    _response = client.get_httpx_client().request(
        **_kwargs,
    )

    return _build_response(client=client, response=_response)


def sync(
    company_id: UUID,
    batch_id: UUID,
    *,
    client: AuthenticatedClient,
    body: ComputeRequestV3 | Unset = UNSET,
) -> Any | ErrorResponse | None:
    """Send batch images to Face Metrics 3.0 for processing

    Each algorithm on each image is billed.

    Args:
        company_id (UUID):
        batch_id (UUID): The `image_batch_id` of create_signed_upload_url.
        body (ComputeRequestV3 | Unset):

    Returns:
        Any | ErrorResponse

    Raises:
        errors.DecodeError: If the body of the response does not match its schema.
        errors.UnexpectedStatus: If the response has an undocumented status, and the client was created with
            raise_on_unexpected_status=True.
        httpx.HTTPError: If no complete response arrives, such as httpx.TimeoutException after a timeout.
        haut_ext.HautError: With `haut.api` as the client, instead of httpx.HTTPError and of returning a response
            with an error status.
    """

    return sync_detailed(
        company_id=company_id,
        batch_id=batch_id,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    company_id: UUID,
    batch_id: UUID,
    *,
    client: AuthenticatedClient,
    body: ComputeRequestV3 | Unset = UNSET,
) -> Response[Any | ErrorResponse]:
    """Send batch images to Face Metrics 3.0 for processing

    Each algorithm on each image is billed.

    Args:
        company_id (UUID):
        batch_id (UUID): The `image_batch_id` of create_signed_upload_url.
        body (ComputeRequestV3 | Unset):

    Returns:
        Response[Any | ErrorResponse]

    Raises:
        errors.DecodeError: If the body of the response does not match its schema.
        errors.UnexpectedStatus: If the response has an undocumented status, and the client was created with
            raise_on_unexpected_status=True.
        httpx.HTTPError: If no complete response arrives, such as httpx.TimeoutException after a timeout.
        haut_ext.HautError: With `haut.api` as the client, instead of httpx.HTTPError and of returning a response
            with an error status.
    """

    _kwargs = _get_kwargs(
        company_id=company_id,
        batch_id=batch_id,
        body=body,
    )

    _response = await client.get_async_httpx_client().request(**_kwargs)

    return _build_response(client=client, response=_response)


async def asyncio(
    company_id: UUID,
    batch_id: UUID,
    *,
    client: AuthenticatedClient,
    body: ComputeRequestV3 | Unset = UNSET,
) -> Any | ErrorResponse | None:
    """Send batch images to Face Metrics 3.0 for processing

    Each algorithm on each image is billed.

    Args:
        company_id (UUID):
        batch_id (UUID): The `image_batch_id` of create_signed_upload_url.
        body (ComputeRequestV3 | Unset):

    Returns:
        Any | ErrorResponse

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
            company_id=company_id,
            batch_id=batch_id,
            client=client,
            body=body,
        )
    ).parsed
