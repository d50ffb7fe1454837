"""DELETE /api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/{subject_id}/metadata/"""

from typing import Any
from urllib.parse import quote as _quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...errors import READ_FAILURES as _READ_FAILURES
from ...errors import DecodeError as _DecodeError
from ...models.error_response import ErrorResponse
from ...models.operation_status import OperationStatus
from ...types import Response
from ...types import http_status as _http_status
from ...types import to_text as _to_text


def _get_kwargs(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "delete",
        "url": "/api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/{subject_id}/metadata/".format(
            company_id=_quote(_to_text(company_id), safe=""),
            dataset_id=_quote(_to_text(dataset_id), safe=""),
            subject_id=_quote(_to_text(subject_id), safe=""),
        ),
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorResponse | OperationStatus | None:
    try:
        if response.status_code == 200:
            response_200 = OperationStatus.from_dict(response.json())

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
            "a response of clear_subject_metadata", "(body)", __error
        ) from None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ErrorResponse | OperationStatus]:
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
    *,
    client: AuthenticatedClient,
) -> Response[ErrorResponse | OperationStatus]:
    """Clear subject metadata

    Clear fields: meta, biological_sex, birthdate, phenotype and metrics and submetrics for subject

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):

    Returns:
        Response[ErrorResponse | OperationStatus]

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
        dataset_id=dataset_id,
        subject_id=subject_id,
    )

    _response = client.get_httpx_client().request(
        **_kwargs,
    )

    return _build_response(client=client, response=_response)


def sync(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    *,
    client: AuthenticatedClient,
) -> ErrorResponse | OperationStatus | None:
    """Clear subject metadata

    Clear fields: meta, biological_sex, birthdate, phenotype and metrics and submetrics for subject

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):

    Returns:
        ErrorResponse | OperationStatus

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
        dataset_id=dataset_id,
        subject_id=subject_id,
        client=client,
    ).parsed


async def asyncio_detailed(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    *,
    client: AuthenticatedClient,
) -> Response[ErrorResponse | OperationStatus]:
    """Clear subject metadata

    Clear fields: meta, biological_sex, birthdate, phenotype and metrics and submetrics for subject

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):

    Returns:
        Response[ErrorResponse | OperationStatus]

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
        dataset_id=dataset_id,
        subject_id=subject_id,
    )

    _response = await client.get_async_httpx_client().request(**_kwargs)

    return _build_response(client=client, response=_response)


async def asyncio(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    *,
    client: AuthenticatedClient,
) -> ErrorResponse | OperationStatus | None:
    """Clear subject metadata

    Clear fields: meta, biological_sex, birthdate, phenotype and metrics and submetrics for subject

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):

    Returns:
        ErrorResponse | OperationStatus

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
            dataset_id=dataset_id,
            subject_id=subject_id,
            client=client,
        )
    ).parsed
