"""Django views that upload photos, for WSGI and for ASGI."""

import logging
from functools import cache

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from haut_ext import AsyncHaut, Haut, HautError

from .http_errors import http_response

logger = logging.getLogger(__name__)


@cache
def get_haut() -> Haut:
    return Haut()  # one client for the process, created for the first request


@cache
def get_async_haut() -> AsyncHaut:
    return AsyncHaut()


def upload(request: HttpRequest, name: str) -> HttpResponse:
    front = request.FILES.get("front")
    if front is None:
        return JsonResponse({"detail": "the photo front is missing"}, status=400)
    haut = get_haut()
    try:
        subject = haut.subjects.get_or_create(name)
        batch = haut.upload_and_compute(subject.id, front=front)
    except HautError as error:
        return error_response(error)
    return JsonResponse({"batch_id": batch.batch_id})


async def upload_async(request: HttpRequest, name: str) -> HttpResponse:
    front = request.FILES.get("front")
    if front is None:
        return JsonResponse({"detail": "the photo front is missing"}, status=400)
    haut = get_async_haut()
    try:
        subject = await haut.subjects.get_or_create(name)
        batch = await haut.upload_and_compute(subject.id, front=front)
    except HautError as error:
        return error_response(error)
    return JsonResponse({"batch_id": batch.batch_id})


def error_response(error: HautError) -> HttpResponse:
    logger.warning("upload failed: %s", error)
    status, detail = http_response(error)
    return JsonResponse({"detail": detail}, status=status)


urlpatterns = [
    path("customers/<name>/photos", upload),
    path("async/customers/<name>/photos", upload_async),
]
