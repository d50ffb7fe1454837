"""GET /api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/"""

from typing import Any
from urllib.parse import quote as _quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...errors import READ_FAILURES as _READ_FAILURES
from ...errors import DecodeError as _DecodeError
from ...models.error_response import ErrorResponse
from ...models.paginated_subject_list import PaginatedSubjectList
from ...types import UNSET, Response, Unset
from ...types import http_status as _http_status
from ...types import put_query as _put_query
from ...types import to_text as _to_text


def _get_kwargs(
    company_id: UUID,
    dataset_id: UUID,
    *,
    q: str | Unset = UNSET,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
) -> dict[str, Any]:
    _params: dict[str, Any] = {}
    _put_query(_params, "q", q, "form", True)
    _put_query(_params, "page", page, "form", True)
    _put_query(_params, "page_size", page_size, "form", True)

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/".format(
            company_id=_quote(_to_text(company_id), safe=""),
            dataset_id=_quote(_to_text(dataset_id), safe=""),
        ),
        "params": _params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorResponse | PaginatedSubjectList | None:
    try:
        if response.status_code == 200:
            response_200 = PaginatedSubjectList.from_dict(response.json())

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
            "a response of list_subjects", "(body)", __error
        ) from None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ErrorResponse | PaginatedSubjectList]:
    return Response(
        status_code=_http_status(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    company_id: UUID,
    dataset_id: UUID,
    *,
    client: AuthenticatedClient,
    q: str | Unset = UNSET,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
) -> Response[ErrorResponse | PaginatedSubjectList]:
    """List subjects

    Args:
        company_id (UUID):
        dataset_id (UUID):
        q (str | Unset): A search term.
        page (int | Unset): A page number within the paginated result set. The first page is 1.
        page_size (int | Unset): Number of results to return per page.

    Returns:
        Response[ErrorResponse | PaginatedSubjectList]

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
        q=q,
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
    *,
    client: AuthenticatedClient,
    q: str | Unset = UNSET,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
) -> ErrorResponse | PaginatedSubjectList | None:
    """List subjects

    Args:
        company_id (UUID):
        dataset_id (UUID):
        q (str | Unset): A search term.
        page (int | Unset): A page number within the paginated result set. The first page is 1.
        page_size (int | Unset): Number of results to return per page.

    Returns:
        ErrorResponse | PaginatedSubjectList

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
        client=client,
        q=q,
        page=page,
        page_size=page_size,
    ).parsed


async def asyncio_detailed(
    company_id: UUID,
    dataset_id: UUID,
    *,
    client: AuthenticatedClient,
    q: str | Unset = UNSET,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
) -> Response[ErrorResponse | PaginatedSubjectList]:
    """List subjects

    Args:
        company_id (UUID):
        dataset_id (UUID):
        q (str | Unset): A search term.
        page (int | Unset): A page number within the paginated result set. The first page is 1.
        page_size (int | Unset): Number of results to return per page.

    Returns:
        Response[ErrorResponse | PaginatedSubjectList]

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
        q=q,
        page=page,
        page_size=page_size,
    )

    _response = await client.get_async_httpx_client().request(**_kwargs)

    return _build_response(client=client, response=_response)


async def asyncio(
    company_id: UUID,
    dataset_id: UUID,
    *,
    client: AuthenticatedClient,
    q: str | Unset = UNSET,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
) -> ErrorResponse | PaginatedSubjectList | None:
    """List subjects

    Args:
        company_id (UUID):
        dataset_id (UUID):
        q (str | Unset): A search term.
        page (int | Unset): A page number within the paginated result set. The first page is 1.
        page_size (int | Unset): Number of results to return per page.

    Returns:
        ErrorResponse | PaginatedSubjectList

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
            client=client,
            q=q,
            page=page,
            page_size=page_size,
        )
    ).parsed
