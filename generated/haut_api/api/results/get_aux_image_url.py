"""GET /api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/{subject_id}/batches/{batch_id}/images/{image_id}/aux/{aux_id}/signed_url/"""

from typing import Any
from urllib.parse import quote as _quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...errors import READ_FAILURES as _READ_FAILURES
from ...errors import DecodeError as _DecodeError
from ...models.error_response import ErrorResponse
from ...models.signed_url import SignedUrl
from ...types import UNSET, Response, Unset
from ...types import http_status as _http_status
from ...types import put_query as _put_query
from ...types import to_text as _to_text


def _get_kwargs(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    batch_id: UUID,
    image_id: UUID,
    aux_id: UUID,
    *,
    expiration_seconds: int | Unset = UNSET,
) -> dict[str, Any]:
    _params: dict[str, Any] = {}
    _put_query(_params, "expiration_seconds", expiration_seconds, "form", True)

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/{subject_id}/batches/{batch_id}/images/{image_id}/aux/{aux_id}/signed_url/".format(
            company_id=_quote(_to_text(company_id), safe=""),
            dataset_id=_quote(_to_text(dataset_id), safe=""),
            subject_id=_quote(_to_text(subject_id), safe=""),
            batch_id=_quote(_to_text(batch_id), safe=""),
            image_id=_quote(_to_text(image_id), safe=""),
            aux_id=_quote(_to_text(aux_id), safe=""),
        ),
        "params": _params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorResponse | SignedUrl | None:
    try:
        if response.status_code == 200:
            response_200 = SignedUrl.from_dict(response.json())

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
            "a response of get_aux_image_url", "(body)", __error
        ) from None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ErrorResponse | SignedUrl]:
    return Response(
        status_code=_http_status(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    batch_id: UUID,
    image_id: UUID,
    aux_id: UUID,
    *,
    client: AuthenticatedClient,
    expiration_seconds: int | Unset = UNSET,
) -> Response[ErrorResponse | SignedUrl]:
    """Get a signed URL of an auxiliary image

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        batch_id (UUID): The `image_batch_id` of create_signed_upload_url.
        image_id (UUID):
        aux_id (UUID):
        expiration_seconds (int | Unset): expiration seconds for signed url

    Returns:
        Response[ErrorResponse | SignedUrl]

    Raises:
        errors.DecodeError: If the body of the response does not match its schema.
        errors.UnexpectedStatus: If the response has an undocumented status, and the client was created with
            raise_on_unexpected_status=True.
        httpx.HTTPError: If no complete response arrives, such as httpx.TimeoutException after a timeout.
        haut_ext.HautError: With `haut.api` as the client, instead of httpx.HTTPError and of returning a response
            with an error status.


    Notes:
        expiration_seconds: If left out, the service uses 60.
    """

    _kwargs = _get_kwargs(
        company_id=company_id,
        dataset_id=dataset_id,
        subject_id=subject_id,
        batch_id=batch_id,
        image_id=image_id,
        aux_id=aux_id,
        expiration_seconds=expiration_seconds,
    )

    _response = client.get_httpx_client().request(
        **_kwargs,
    )

    return _build_response(client=client, response=_response)


def sync(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    batch_id: UUID,
    image_id: UUID,
    aux_id: UUID,
    *,
    client: AuthenticatedClient,
    expiration_seconds: int | Unset = UNSET,
) -> ErrorResponse | SignedUrl | None:
    """Get a signed URL of an auxiliary image

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        batch_id (UUID): The `image_batch_id` of create_signed_upload_url.
        image_id (UUID):
        aux_id (UUID):
        expiration_seconds (int | Unset): expiration seconds for signed url

    Returns:
        ErrorResponse | SignedUrl

    Raises:
        errors.DecodeError: If the body of the response does not match its schema.
        errors.UnexpectedStatus: If the response has an undocumented status, and the client was created with
            raise_on_unexpected_status=True.
        httpx.HTTPError: If no complete response arrives, such as httpx.TimeoutException after a timeout.
        haut_ext.HautError: With `haut.api` as the client, instead of httpx.HTTPError and of returning a response
            with an error status.


    Notes:
        expiration_seconds: If left out, the service uses 60.
    """

    return sync_detailed(
        company_id=company_id,
        dataset_id=dataset_id,
        subject_id=subject_id,
        batch_id=batch_id,
        image_id=image_id,
        aux_id=aux_id,
        client=client,
        expiration_seconds=expiration_seconds,
    ).parsed


async def asyncio_detailed(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    batch_id: UUID,
    image_id: UUID,
    aux_id: UUID,
    *,
    client: AuthenticatedClient,
    expiration_seconds: int | Unset = UNSET,
) -> Response[ErrorResponse | SignedUrl]:
    """Get a signed URL of an auxiliary image

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        batch_id (UUID): The `image_batch_id` of create_signed_upload_url.
        image_id (UUID):
        aux_id (UUID):
        expiration_seconds (int | Unset): expiration seconds for signed url

    Returns:
        Response[ErrorResponse | SignedUrl]

    Raises:
        errors.DecodeError: If the body of the response does not match its schema.
        errors.UnexpectedStatus: If the response has an undocumented status, and the client was created with
            raise_on_unexpected_status=True.
        httpx.HTTPError: If no complete response arrives, such as httpx.TimeoutException after a timeout.
        haut_ext.HautError: With `haut.api` as the client, instead of httpx.HTTPError and of returning a response
            with an error status.


    Notes:
        expiration_seconds: If left out, the service uses 60.
    """

    _kwargs = _get_kwargs(
        company_id=company_id,
        dataset_id=dataset_id,
        subject_id=subject_id,
        batch_id=batch_id,
        image_id=image_id,
        aux_id=aux_id,
        expiration_seconds=expiration_seconds,
    )

    _response = await client.get_async_httpx_client().request(**_kwargs)

    return _build_response(client=client, response=_response)


async def asyncio(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    batch_id: UUID,
    image_id: UUID,
    aux_id: UUID,
    *,
    client: AuthenticatedClient,
    expiration_seconds: int | Unset = UNSET,
) -> ErrorResponse | SignedUrl | None:
    """Get a signed URL of an auxiliary image

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        batch_id (UUID): The `image_batch_id` of create_signed_upload_url.
        image_id (UUID):
        aux_id (UUID):
        expiration_seconds (int | Unset): expiration seconds for signed url

    Returns:
        ErrorResponse | SignedUrl

    Raises:
        errors.DecodeError: If the body of the response does not match its schema.
        errors.UnexpectedStatus: If the response has an undocumented status, and the client was created with
            raise_on_unexpected_status=True.
        httpx.HTTPError: If no complete response arrives, such as httpx.TimeoutException after a timeout.
        haut_ext.HautError: With `haut.api` as the client, instead of httpx.HTTPError and of returning a response
            with an error status.


    Notes:
        expiration_seconds: If left out, the service uses 60.
    """

    return (
        await asyncio_detailed(
            company_id=company_id,
            dataset_id=dataset_id,
            subject_id=subject_id,
            batch_id=batch_id,
            image_id=image_id,
            aux_id=aux_id,
            client=client,
            expiration_seconds=expiration_seconds,
        )
    ).parsed
