from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...errors import READ_FAILURES as _READ_FAILURES
from ...errors import DecodeError as _DecodeError
from ...errors import as_list as _as_list
from ...models.aux_image_details import AuxImageDetails
from ...models.error_response import ErrorResponse
from ...types import Response


def _get_kwargs(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    batch_id: UUID,
    image_id: UUID,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/{subject_id}/batches/{batch_id}/images/{image_id}/aux/".format(
            company_id=quote(str(company_id), safe=""),
            dataset_id=quote(str(dataset_id), safe=""),
            subject_id=quote(str(subject_id), safe=""),
            batch_id=quote(str(batch_id), safe=""),
            image_id=quote(str(image_id), safe=""),
        ),
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorResponse | list[AuxImageDetails] | None:
    try:
        if response.status_code == 200:
            _response_200 = _as_list(response.json())
            response_200 = []
            try:
                for response_200_item_data in _response_200:
                    response_200_item = AuxImageDetails.from_dict(
                        response_200_item_data
                    )

                    response_200.append(response_200_item)
            except _READ_FAILURES as __error:
                raise _DecodeError.at("list", len(response_200), __error) from None

            return response_200

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
            "a response of list_aux_images", "(body)", __error
        ) from None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ErrorResponse | list[AuxImageDetails]]:
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
    *,
    client: AuthenticatedClient,
) -> Response[ErrorResponse | list[AuxImageDetails]]:
    """List the auxiliary images of an image

     Not paginated.

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        batch_id (UUID):
        image_id (UUID):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorResponse | list[AuxImageDetails]]
    """

    kwargs = _get_kwargs(
        company_id=company_id,
        dataset_id=dataset_id,
        subject_id=subject_id,
        batch_id=batch_id,
        image_id=image_id,
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
    *,
    client: AuthenticatedClient,
) -> ErrorResponse | list[AuxImageDetails] | None:
    """List the auxiliary images of an image

     Not paginated.

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        batch_id (UUID):
        image_id (UUID):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorResponse | list[AuxImageDetails]
    """

    return sync_detailed(
        company_id=company_id,
        dataset_id=dataset_id,
        subject_id=subject_id,
        batch_id=batch_id,
        image_id=image_id,
        client=client,
    ).parsed


async def asyncio_detailed(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    batch_id: UUID,
    image_id: UUID,
    *,
    client: AuthenticatedClient,
) -> Response[ErrorResponse | list[AuxImageDetails]]:
    """List the auxiliary images of an image

     Not paginated.

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        batch_id (UUID):
        image_id (UUID):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorResponse | list[AuxImageDetails]]
    """

    kwargs = _get_kwargs(
        company_id=company_id,
        dataset_id=dataset_id,
        subject_id=subject_id,
        batch_id=batch_id,
        image_id=image_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    batch_id: UUID,
    image_id: UUID,
    *,
    client: AuthenticatedClient,
) -> ErrorResponse | list[AuxImageDetails] | None:
    """List the auxiliary images of an image

     Not paginated.

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        batch_id (UUID):
        image_id (UUID):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorResponse | list[AuxImageDetails]
    """

    return (
        await asyncio_detailed(
            company_id=company_id,
            dataset_id=dataset_id,
            subject_id=subject_id,
            batch_id=batch_id,
            image_id=image_id,
            client=client,
        )
    ).parsed
