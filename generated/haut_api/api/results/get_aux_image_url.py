from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...errors import READ_FAILURES as _READ_FAILURES
from ...errors import DecodeError as _DecodeError
from ...models.error_response import ErrorResponse
from ...models.signed_url import SignedUrl
from ...types import UNSET, Response, Unset


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

    params: dict[str, Any] = {}

    params["expiration_seconds"] = expiration_seconds

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/{subject_id}/batches/{batch_id}/images/{image_id}/aux/{aux_id}/signed_url/".format(
            company_id=quote(str(company_id), safe=""),
            dataset_id=quote(str(dataset_id), safe=""),
            subject_id=quote(str(subject_id), safe=""),
            batch_id=quote(str(batch_id), safe=""),
            image_id=quote(str(image_id), safe=""),
            aux_id=quote(str(aux_id), safe=""),
        ),
        "params": params,
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
        status_code=HTTPStatus(response.status_code),
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
        batch_id (UUID):
        image_id (UUID):
        aux_id (UUID):
        expiration_seconds (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorResponse | SignedUrl]
    """

    kwargs = _get_kwargs(
        company_id=company_id,
        dataset_id=dataset_id,
        subject_id=subject_id,
        batch_id=batch_id,
        image_id=image_id,
        aux_id=aux_id,
        expiration_seconds=expiration_seconds,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


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
        batch_id (UUID):
        image_id (UUID):
        aux_id (UUID):
        expiration_seconds (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorResponse | SignedUrl
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
        batch_id (UUID):
        image_id (UUID):
        aux_id (UUID):
        expiration_seconds (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorResponse | SignedUrl]
    """

    kwargs = _get_kwargs(
        company_id=company_id,
        dataset_id=dataset_id,
        subject_id=subject_id,
        batch_id=batch_id,
        image_id=image_id,
        aux_id=aux_id,
        expiration_seconds=expiration_seconds,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


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
        batch_id (UUID):
        image_id (UUID):
        aux_id (UUID):
        expiration_seconds (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorResponse | SignedUrl
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
