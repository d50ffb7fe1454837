"""Simulated service, written with Django REST framework; drf-spectacular writes its OpenAPI document.

What the public documents leave open differs from openapi/: the names of operations, schemas and path
parameters, some success statuses, and which undocumented fields are required or may be null.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.asgi import get_asgi_application
from django.http import JsonResponse
from django.urls import path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import filters, generics, pagination, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.release.store import Store

store = Store()
BEARER = "tests.release.django_service.Bearer"


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = BEARER
    name = "Authorization"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "Authenticate using SaaS Private token",
        }


class Paginator(pagination.PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"


class Search(filters.SearchFilter):
    search_param = "q"

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        return queryset


# --- subjects


class CompanySerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class DatasetSerializer(serializers.Serializer):
    """Shown in a subject; has the name of another schema of openapi/."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class GenderSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    tech_name = serializers.CharField()


class EndUserSerializer(serializers.Serializer):
    """Serializer to get dataset id from urls."""

    name = serializers.CharField(min_length=1, max_length=512)
    birth_date = serializers.DateField(required=False, allow_null=True)
    biological_sex = serializers.CharField(required=False, allow_null=True, min_length=1)
    meta = serializers.JSONField(required=False, allow_null=True)


class EndUserDetailSerializer(serializers.Serializer):
    name = serializers.CharField()
    birth_date = serializers.DateField(required=False, allow_null=True)
    biological_sex = GenderSerializer(required=False, allow_null=True)
    meta = serializers.JSONField(required=False, allow_null=True)
    id = serializers.UUIDField(read_only=True)
    author_id = serializers.IntegerField(read_only=True, allow_null=True)
    creation_time = serializers.DateTimeField(read_only=True)
    company = CompanySerializer(read_only=True)
    dataset = DatasetSerializer(read_only=True)
    promote_image_id = serializers.UUIDField(read_only=True, allow_null=True)


class RemovedSerializer(serializers.Serializer):
    deleted = serializers.ListField(child=serializers.UUIDField())


class StateSerializer(serializers.Serializer):
    status = serializers.CharField()


class Users(generics.GenericAPIView):
    queryset: Any = ()
    serializer_class = EndUserDetailSerializer
    pagination_class = Paginator
    filter_backends = (Search,)

    @extend_schema(responses=EndUserDetailSerializer(many=True))
    def get(self, request: Request, **ids: UUID) -> Response:
        page = self.paginate_queryset(store.search_subjects(request.query_params.get("q")))
        return self.get_paginated_response(EndUserDetailSerializer(page, many=True).data)

    @extend_schema(request=EndUserSerializer, responses={201: EndUserDetailSerializer})
    def post(self, request: Request, **ids: UUID) -> Response:
        body = EndUserSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        subject = store.create_subject(body.validated_data)
        return Response(EndUserDetailSerializer(subject).data, 201)


class User(APIView):
    @extend_schema(request=EndUserSerializer, responses={200: EndUserDetailSerializer})
    def patch(self, request: Request, id: UUID, **ids: UUID) -> Response:
        body = EndUserSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        subject = store.update_subject(id, body.validated_data)
        return Response(EndUserDetailSerializer(subject).data)

    @extend_schema(responses={200: None})
    def delete(self, request: Request, id: UUID, **ids: UUID) -> Response:
        store.subject(id)
        store.delete_subjects([id])
        return Response()


class RemoveUsers(APIView):
    @extend_schema(
        parameters=[OpenApiParameter("subjects_ids", UUID, many=True, required=True)],
        responses={202: RemovedSerializer},
    )
    def delete(self, request: Request, **ids: UUID) -> Response:
        wanted = [UUID(value) for value in request.query_params.getlist("subjects_ids")]
        return Response(RemovedSerializer({"deleted": store.delete_subjects(wanted)}).data, 202)


class UserStorage(APIView):
    @extend_schema(responses={200: StateSerializer})
    def delete(self, request: Request, id: UUID, **ids: UUID) -> Response:
        return Response(store.clear_storage(id))


class UserMetadata(APIView):
    @extend_schema(responses={200: StateSerializer})
    def delete(self, request: Request, id: UUID, **ids: UUID) -> Response:
        return Response(store.clear_metadata(id))


# --- images


class SideSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    tech_name = serializers.CharField()


class LightSerializer(SideSerializer):
    pass


class ImageTypeSerializer(SideSerializer):
    """Shown in an upload; has the name of another schema of openapi/."""


class UploadTargetSerializer(serializers.Serializer):
    url = serializers.URLField()
    method = serializers.CharField(default="PUT")
    headers = serializers.DictField(child=serializers.CharField(), allow_null=True)
    content_type = serializers.CharField(allow_null=True)


class NewImageSerializer(serializers.Serializer):
    batch_id = serializers.UUIDField(required=False)
    side_id = serializers.IntegerField(required=False)
    light_id = serializers.IntegerField(required=False, allow_null=True)
    meta = serializers.JSONField(required=False, allow_null=True, default=dict)
    creation_time = serializers.DateTimeField(required=False, allow_null=True)
    name = serializers.CharField(required=False, min_length=1)
    app_args = serializers.JSONField(required=False, allow_null=True)


class NewImageDetailSerializer(serializers.Serializer):
    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField()
    side = SideSerializer(read_only=True)
    light = LightSerializer(read_only=True, allow_null=True)
    image_type = ImageTypeSerializer(read_only=True)
    side_name = serializers.CharField(read_only=True)
    side_tech_name = serializers.CharField(read_only=True)
    light_name = serializers.CharField(read_only=True)
    light_tech_name = serializers.CharField(read_only=True)
    image_type_name = serializers.CharField(read_only=True)
    image_type_tech_name = serializers.CharField(read_only=True)
    creation_time = serializers.DateTimeField(read_only=True)
    quality_score = serializers.FloatField(read_only=True, allow_null=True)
    quality_feedback = serializers.JSONField(read_only=True, allow_null=True)
    quality_result = serializers.JSONField(read_only=True, allow_null=True)
    quality_issues = serializers.ListField(child=serializers.CharField(), read_only=True)
    problems = serializers.ListField(child=serializers.CharField(), read_only=True)
    stage_step_number = serializers.IntegerField(read_only=True, allow_null=True)
    stage_number = serializers.IntegerField(read_only=True, allow_null=True)
    urls = serializers.DictField(child=serializers.CharField(), read_only=True)
    signed_url = serializers.URLField(read_only=True, allow_null=True)
    original_image_id = serializers.UUIDField(read_only=True, allow_null=True)
    image_batch_id = serializers.UUIDField(read_only=True)
    meta = serializers.JSONField(required=False, allow_null=True)
    application_run_id = serializers.UUIDField(read_only=True)
    upload_url = UploadTargetSerializer(read_only=True)


class AuxSerializer(serializers.Serializer):
    id = serializers.UUIDField(read_only=True)
    aux_image_type = serializers.CharField(read_only=True)
    creation_time = serializers.DateTimeField(read_only=True)
    algo_app = serializers.CharField(read_only=True)
    signed_url = serializers.URLField(read_only=True, allow_null=True)
    meta = serializers.JSONField(read_only=True, allow_null=True)


class SubjectImageSerializer(serializers.Serializer):
    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField()
    side = serializers.CharField(read_only=True)
    quality_score = serializers.FloatField(required=False, allow_null=True)
    problems = serializers.ListField(child=serializers.CharField(), required=False, allow_null=True)
    created_at = serializers.DateTimeField(read_only=True)
    signed_url = serializers.URLField(required=False, allow_null=True)
    image_batch_id = serializers.UUIDField(read_only=True)
    meta = serializers.JSONField(required=False, allow_null=True)
    aux_images = AuxSerializer(many=True, read_only=True)


class LaunchSerializer(serializers.Serializer):
    app_args = serializers.JSONField(required=False, allow_null=True)


class LaunchedSerializer(serializers.Serializer):
    ok = serializers.BooleanField()


class MeasurementSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    result = serializers.JSONField()
    is_ok = serializers.BooleanField()
    image_id = serializers.UUIDField()
    algorithm_version_id = serializers.IntegerField()
    creation_time = serializers.DateTimeField()
    application_id = serializers.UUIDField()
    application_name = serializers.CharField()
    application_description = serializers.CharField()
    application_run_id = serializers.UUIDField()
    image_type = serializers.CharField()
    algorithm_family_tech_name = serializers.CharField()


class Uploads(APIView):
    @extend_schema(
        tags=["Images"], request=NewImageSerializer, responses={201: NewImageDetailSerializer}
    )
    def post(self, request: Request, id: UUID, **ids: UUID) -> Response:
        body = NewImageSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        image = store.request_upload(id, body.validated_data)
        return Response(NewImageDetailSerializer(image).data, 201)


class Launch(APIView):
    @extend_schema(tags=["Images"], request=LaunchSerializer, responses={201: LaunchedSerializer})
    def post(self, request: Request, id: UUID, **ids: UUID) -> Response:
        return Response(store.compute(id), 201)


EXPIRATION = OpenApiParameter(
    "expiration_seconds", int, default=60, description="expiration seconds for signed url"
)


class SubjectImages(generics.GenericAPIView):
    queryset: Any = ()
    serializer_class = SubjectImageSerializer
    pagination_class = Paginator
    filter_backends = (filters.OrderingFilter, Search)

    @extend_schema(
        tags=["Images"], parameters=[EXPIRATION], responses=SubjectImageSerializer(many=True)
    )
    def get(self, request: Request, id: UUID, **ids: UUID) -> Response:
        page = self.paginate_queryset(store.images_of(id))
        return self.get_paginated_response(SubjectImageSerializer(page, many=True).data)


class SubjectImage(APIView):
    @extend_schema(
        tags=["Images"],
        parameters=[
            OpenApiParameter(
                "generate_signed_url", bool, default=False, description="generate signed url"
            ),
            EXPIRATION,
        ],
        responses=SubjectImageSerializer,
    )
    def get(self, request: Request, id: UUID, **ids: UUID) -> Response:
        signed = request.query_params.get("generate_signed_url") == "true"
        return Response(SubjectImageSerializer(store.image(id, signed=signed)).data)

    @extend_schema(tags=["Images"], responses={200: None})
    def delete(self, request: Request, id: UUID, **ids: UUID) -> Response:
        store.delete_image(id)
        return Response()


class Measurements(APIView):
    @extend_schema(tags=["Images"], responses=MeasurementSerializer(many=True))
    def get(self, request: Request, batch_id: UUID, id: UUID, **ids: UUID) -> Response:
        found = store.results(batch_id, id)
        return Response(MeasurementSerializer(found, many=True).data)


_COMPANY = "api/v1/companies/<uuid:company_pk>"
_USERS = f"{_COMPANY}/datasets/<uuid:dataset_pk>/subjects"
urlpatterns = [
    path(f"{_USERS}/", extend_schema(tags=["Subject"])(Users).as_view()),
    path(f"{_USERS}/delete/", extend_schema(tags=["Subject"])(RemoveUsers).as_view()),
    path(f"{_USERS}/<uuid:id>/", extend_schema(tags=["Subject"])(User).as_view()),
    path(f"{_USERS}/<uuid:id>/storage/", extend_schema(tags=["Subject"])(UserStorage).as_view()),
    path(f"{_USERS}/<uuid:id>/metadata/", extend_schema(tags=["Subject"])(UserMetadata).as_view()),
    path(f"{_COMPANY}/subjects/<uuid:id>/signed_upload_url/", Uploads.as_view()),
    path(f"{_COMPANY}/subjects/<uuid:id>/images/", SubjectImages.as_view()),
    path(f"{_COMPANY}/batches/<uuid:id>/compute/", Launch.as_view()),
    path(f"{_COMPANY}/images/<uuid:id>/", SubjectImage.as_view()),
    path(
        f"{_USERS}/<uuid:subject_pk>/batches/<uuid:batch_id>/images/<uuid:id>/results/",
        Measurements.as_view(),
    ),
]


def not_found(request: Any, exception: Exception) -> JsonResponse:
    """Return the documented error body for an unknown path."""
    error = {"code": "not_found", "detail": "Not found.", "attr": None}
    return JsonResponse({"type": "client_error", "errors": [error]}, status=404)


handler404 = not_found


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document that drf-spectacular writes."""
    document: dict[str, Any] = SchemaGenerator().get_schema(public=True)
    return document


application = get_asgi_application()
