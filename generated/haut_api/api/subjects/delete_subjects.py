from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...errors import READ_FAILURES as _READ_FAILURES
from ...errors import DecodeError as _DecodeError
from ...models.deleted_subjects import DeletedSubjects
from ...models.error_response import ErrorResponse
from ...types import UNSET, Response


def _get_kwargs(
    company_id: UUID,
    dataset_id: UUID,
    *,
    subjects_ids: list[UUID],
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_subjects_ids = []
    for subjects_ids_item_data in subjects_ids:
        subjects_ids_item = str(subjects_ids_item_data)
        json_subjects_ids.append(subjects_ids_item)

    params["subjects_ids"] = json_subjects_ids

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "delete",
        "url": "/api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/delete/".format(
            company_id=quote(str(company_id), safe=""),
            dataset_id=quote(str(dataset_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> DeletedSubjects | ErrorResponse | None:
    try:
        if response.status_code == 200:
            response_200 = DeletedSubjects.from_dict(response.json())

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
            "a response of delete_subjects", "(body)", __error
        ) from None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[DeletedSubjects | ErrorResponse]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    company_id: UUID,
    dataset_id: UUID,
    *,
    client: AuthenticatedClient,
    subjects_ids: list[UUID],
) -> Response[DeletedSubjects | ErrorResponse]:
    """Delete multiple subjects in one request

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subjects_ids (list[UUID]):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DeletedSubjects | ErrorResponse]
    """

    kwargs = _get_kwargs(
        company_id=company_id,
        dataset_id=dataset_id,
        subjects_ids=subjects_ids,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    company_id: UUID,
    dataset_id: UUID,
    *,
    client: AuthenticatedClient,
    subjects_ids: list[UUID],
) -> DeletedSubjects | ErrorResponse | None:
    """Delete multiple subjects in one request

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subjects_ids (list[UUID]):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DeletedSubjects | ErrorResponse
    """

    return sync_detailed(
        company_id=company_id,
        dataset_id=dataset_id,
        client=client,
        subjects_ids=subjects_ids,
    ).parsed


async def asyncio_detailed(
    company_id: UUID,
    dataset_id: UUID,
    *,
    client: AuthenticatedClient,
    subjects_ids: list[UUID],
) -> Response[DeletedSubjects | ErrorResponse]:
    """Delete multiple subjects in one request

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subjects_ids (list[UUID]):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DeletedSubjects | ErrorResponse]
    """

    kwargs = _get_kwargs(
        company_id=company_id,
        dataset_id=dataset_id,
        subjects_ids=subjects_ids,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    company_id: UUID,
    dataset_id: UUID,
    *,
    client: AuthenticatedClient,
    subjects_ids: list[UUID],
) -> DeletedSubjects | ErrorResponse | None:
    """Delete multiple subjects in one request

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subjects_ids (list[UUID]):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DeletedSubjects | ErrorResponse
    """

    return (
        await asyncio_detailed(
            company_id=company_id,
            dataset_id=dataset_id,
            client=client,
            subjects_ids=subjects_ids,
        )
    ).parsed
