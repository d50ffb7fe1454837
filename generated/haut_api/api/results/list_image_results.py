"""GET /api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/{subject_id}/batches/{batch_id}/images/{image_id}/results/"""

from typing import Any
from urllib.parse import quote as _quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...errors import READ_FAILURES as _READ_FAILURES
from ...errors import DecodeError as _DecodeError
from ...errors import as_list as _as_list
from ...models.error_response import ErrorResponse
from ...models.image_result import ImageResult
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
    *,
    token: str | Unset = UNSET,
    application_run_id: str | Unset = UNSET,
    application_name: str | Unset = UNSET,
    application_id: str | Unset = UNSET,
) -> dict[str, Any]:
    _params: dict[str, Any] = {}
    _put_query(_params, "token", token, "form", True)
    _put_query(_params, "application_run_id", application_run_id, "form", True)
    _put_query(_params, "application_name", application_name, "form", True)
    _put_query(_params, "application_id", application_id, "form", True)

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/{subject_id}/batches/{batch_id}/images/{image_id}/results/".format(
            company_id=_quote(_to_text(company_id), safe=""),
            dataset_id=_quote(_to_text(dataset_id), safe=""),
            subject_id=_quote(_to_text(subject_id), safe=""),
            batch_id=_quote(_to_text(batch_id), safe=""),
            image_id=_quote(_to_text(image_id), safe=""),
        ),
        "params": _params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorResponse | list[ImageResult] | None:
    try:
        if response.status_code == 200:
            _response_200 = _as_list(response.json())
            response_200 = []
            try:
                for response_200_item_data in _response_200:
                    response_200_item = ImageResult.from_dict(response_200_item_data)

                    response_200.append(response_200_item)
            except _READ_FAILURES as __error:
                raise _DecodeError.at("list", len(response_200), __error) from None

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
            "a response of list_image_results", "(body)", __error
        ) from None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ErrorResponse | list[ImageResult]]:
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
    *,
    client: AuthenticatedClient,
    token: str | Unset = UNSET,
    application_run_id: str | Unset = UNSET,
    application_name: str | Unset = UNSET,
    application_id: str | Unset = UNSET,
) -> Response[ErrorResponse | list[ImageResult]]:
    """List the results of an image

    Not paginated. Empty while nothing is ready; results then arrive algorithm by algorithm.

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        batch_id (UUID): The `image_batch_id` of create_signed_upload_url.
        image_id (UUID):
        token (str | Unset):
        application_run_id (str | Unset):
        application_name (str | Unset):
        application_id (str | Unset):

    Returns:
        Response[ErrorResponse | list[ImageResult]]

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
        batch_id=batch_id,
        image_id=image_id,
        token=token,
        application_run_id=application_run_id,
        application_name=application_name,
        application_id=application_id,
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
    *,
    client: AuthenticatedClient,
    token: str | Unset = UNSET,
    application_run_id: str | Unset = UNSET,
    application_name: str | Unset = UNSET,
    application_id: str | Unset = UNSET,
) -> ErrorResponse | list[ImageResult] | None:
    """List the results of an image

    Not paginated. Empty while nothing is ready; results then arrive algorithm by algorithm.

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        batch_id (UUID): The `image_batch_id` of create_signed_upload_url.
        image_id (UUID):
        token (str | Unset):
        application_run_id (str | Unset):
        application_name (str | Unset):
        application_id (str | Unset):

    Returns:
        ErrorResponse | list[ImageResult]

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
        batch_id=batch_id,
        image_id=image_id,
        client=client,
        token=token,
        application_run_id=application_run_id,
        application_name=application_name,
        application_id=application_id,
    ).parsed


async def asyncio_detailed(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    batch_id: UUID,
    image_id: UUID,
    *,
    client: AuthenticatedClient,
    token: str | Unset = UNSET,
    application_run_id: str | Unset = UNSET,
    application_name: str | Unset = UNSET,
    application_id: str | Unset = UNSET,
) -> Response[ErrorResponse | list[ImageResult]]:
    """List the results of an image

    Not paginated. Empty while nothing is ready; results then arrive algorithm by algorithm.

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        batch_id (UUID): The `image_batch_id` of create_signed_upload_url.
        image_id (UUID):
        token (str | Unset):
        application_run_id (str | Unset):
        application_name (str | Unset):
        application_id (str | Unset):

    Returns:
        Response[ErrorResponse | list[ImageResult]]

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
        batch_id=batch_id,
        image_id=image_id,
        token=token,
        application_run_id=application_run_id,
        application_name=application_name,
        application_id=application_id,
    )

    _response = await client.get_async_httpx_client().request(**_kwargs)

    return _build_response(client=client, response=_response)


async def asyncio(
    company_id: UUID,
    dataset_id: UUID,
    subject_id: UUID,
    batch_id: UUID,
    image_id: UUID,
    *,
    client: AuthenticatedClient,
    token: str | Unset = UNSET,
    application_run_id: str | Unset = UNSET,
    application_name: str | Unset = UNSET,
    application_id: str | Unset = UNSET,
) -> ErrorResponse | list[ImageResult] | None:
    """List the results of an image

    Not paginated. Empty while nothing is ready; results then arrive algorithm by algorithm.

    Args:
        company_id (UUID):
        dataset_id (UUID):
        subject_id (UUID):
        batch_id (UUID): The `image_batch_id` of create_signed_upload_url.
        image_id (UUID):
        token (str | Unset):
        application_run_id (str | Unset):
        application_name (str | Unset):
        application_id (str | Unset):

    Returns:
        ErrorResponse | list[ImageResult]

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
            batch_id=batch_id,
            image_id=image_id,
            client=client,
            token=token,
            application_run_id=application_run_id,
            application_name=application_name,
            application_id=application_id,
        )
    ).parsed
