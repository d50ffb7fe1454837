"""GET /api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/{subject_id}/batches/"""

from typing import Any
from urllib.parse import quote as _quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...errors import READ_FAILURES as _READ_FAILURES
from ...errors import DecodeError as _DecodeError
from ...errors import as_list as _as_list
from ...models.batch import Batch
from ...models.error_response import ErrorResponse
from ...models.paginated_batch_list import PaginatedBatchList
from ...types import UNSET, Response, Unset
from ...types import http_status as _http_status
from ...types import put_query as _put_query
from ...types import to_text as _to_text


def _get_kwargs(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    *,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
) -> dict[str, Any]:
    _params: dict[str, Any] = {}
    _put_query(_params, "page", page, "form", True)
    _put_query(_params, "page_size", page_size, "form", True)

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/{subject_id}/batches/".format(
            company_id=_quote(_to_text(company_id), safe=""),
            dataset_id=_quote(_to_text(dataset_id), safe=""),
            subject_id=_quote(_to_text(subject_id), safe=""),
        ),
        "params": _params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorResponse | list[Batch] | PaginatedBatchList | None:
    try:
        if response.status_code == 200:

            def _parse_response_200(data: object) -> list[Batch] | PaginatedBatchList:
                try:
                    if not isinstance(data, list):
                        raise TypeError()
                    _response_200_type_0 = _as_list(data)
                    response_200_type_0 = []
                    try:
                        for response_200_type_0_item_data in _response_200_type_0:
                            response_200_type_0_item = Batch.from_dict(
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
                response_200_type_1 = PaginatedBatchList.from_dict(data)

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
        raise _DecodeError.at("a response of list_batches", "(body)", __error) from None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ErrorResponse | list[Batch] | PaginatedBatchList]:
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
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
) -> Response[ErrorResponse | list[Batch] | PaginatedBatchList]:
    """List the subject's batches

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        page (int | Unset): A page number within the paginated result set. The first page is 1.
        page_size (int | Unset): Number of results to return per page.

    Returns:
        Response[ErrorResponse | list[Batch] | PaginatedBatchList]

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
        page=page,
        page_size=page_size,
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
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
) -> ErrorResponse | list[Batch] | PaginatedBatchList | None:
    """List the subject's batches

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        page (int | Unset): A page number within the paginated result set. The first page is 1.
        page_size (int | Unset): Number of results to return per page.

    Returns:
        ErrorResponse | list[Batch] | PaginatedBatchList

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
        page=page,
        page_size=page_size,
    ).parsed


async def asyncio_detailed(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    *,
    client: AuthenticatedClient,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
) -> Response[ErrorResponse | list[Batch] | PaginatedBatchList]:
    """List the subject's batches

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        page (int | Unset): A page number within the paginated result set. The first page is 1.
        page_size (int | Unset): Number of results to return per page.

    Returns:
        Response[ErrorResponse | list[Batch] | PaginatedBatchList]

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
        page=page,
        page_size=page_size,
    )

    _response = await client.get_async_httpx_client().request(**_kwargs)

    return _build_response(client=client, response=_response)


async def asyncio(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    *,
    client: AuthenticatedClient,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
) -> ErrorResponse | list[Batch] | PaginatedBatchList | None:
    """List the subject's batches

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        page (int | Unset): A page number within the paginated result set. The first page is 1.
        page_size (int | Unset): Number of results to return per page.

    Returns:
        ErrorResponse | list[Batch] | PaginatedBatchList

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
            page=page,
            page_size=page_size,
        )
    ).parsed
