from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..errors import as_list as _as_list
from ..types import format_datetime as _format_datetime
from ..types import hide_values as _hide_values
from ..types import parse_datetime as _parse_datetime
from ..types import safe_repr as _safe_repr

if TYPE_CHECKING:
    from ..models.dictionary_item import DictionaryItem
    from ..models.signed_upload_urls import SignedUploadUrls
    from ..models.upload_url import UploadUrl


T = TypeVar("T", bound="SignedUpload")


@_attrs_define(field_transformer=_hide_values)
class SignedUpload:
    """
    Attributes:
        id (UUID): Id of the image.
        name (str):
        side (DictionaryItem | None):
        light (DictionaryItem | None):
        image_type (DictionaryItem | None):
        side_name (str):
        side_tech_name (str):
        light_name (str):
        light_tech_name (str):
        image_type_name (str):
        image_type_tech_name (str):
        creation_time (datetime.datetime):
        quality_score (float | None):
        quality_feedback (Any):
        quality_result (Any):
        quality_issues (list[str]):
        problems (list[str]):
        stage_step_number (int | None):
        stage_number (int | None):
        urls (SignedUploadUrls):
        signed_url (None | str):
        original_image_id (None | UUID):
        image_batch_id (UUID): The `batch_id` of compute_batch. Batch is simply a grouping of images in one group.
        meta (Any):
        application_run_id (UUID):
        upload_url (UploadUrl):
    """

    id: UUID
    name: str
    side: DictionaryItem | None
    light: DictionaryItem | None
    image_type: DictionaryItem | None
    side_name: str
    side_tech_name: str
    light_name: str
    light_tech_name: str
    image_type_name: str
    image_type_tech_name: str
    creation_time: datetime.datetime
    quality_score: float | None
    quality_feedback: Any
    quality_result: Any
    quality_issues: list[str]
    problems: list[str]
    stage_step_number: int | None
    stage_number: int | None
    urls: SignedUploadUrls
    signed_url: None | str
    original_image_id: None | UUID
    image_batch_id: UUID
    meta: Any
    application_run_id: UUID
    upload_url: UploadUrl
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        from ..models.dictionary_item import DictionaryItem  # noqa: PLC0415

        id = str(self.id)

        name = self.name

        side: dict[str, Any] | None
        if isinstance(self.side, DictionaryItem):
            side = self.side.to_dict()
        else:
            side = self.side

        light: dict[str, Any] | None
        if isinstance(self.light, DictionaryItem):
            light = self.light.to_dict()
        else:
            light = self.light

        image_type: dict[str, Any] | None
        if isinstance(self.image_type, DictionaryItem):
            image_type = self.image_type.to_dict()
        else:
            image_type = self.image_type

        side_name = self.side_name

        side_tech_name = self.side_tech_name

        light_name = self.light_name

        light_tech_name = self.light_tech_name

        image_type_name = self.image_type_name

        image_type_tech_name = self.image_type_tech_name

        creation_time = _format_datetime(self.creation_time)

        quality_score: float | None
        quality_score = self.quality_score

        quality_feedback = self.quality_feedback

        quality_result = self.quality_result

        quality_issues = self.quality_issues

        problems = self.problems

        stage_step_number: int | None
        stage_step_number = self.stage_step_number

        stage_number: int | None
        stage_number = self.stage_number

        urls = self.urls.to_dict()

        signed_url: None | str
        signed_url = self.signed_url

        original_image_id: None | str
        if isinstance(self.original_image_id, UUID):
            original_image_id = str(self.original_image_id)
        else:
            original_image_id = self.original_image_id

        image_batch_id = str(self.image_batch_id)

        meta = self.meta

        application_run_id = str(self.application_run_id)

        upload_url = self.upload_url.to_dict()

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "id": id,
                "name": name,
                "side": side,
                "light": light,
                "image_type": image_type,
                "side_name": side_name,
                "side_tech_name": side_tech_name,
                "light_name": light_name,
                "light_tech_name": light_tech_name,
                "image_type_name": image_type_name,
                "image_type_tech_name": image_type_tech_name,
                "creation_time": creation_time,
                "quality_score": quality_score,
                "quality_feedback": quality_feedback,
                "quality_result": quality_result,
                "quality_issues": quality_issues,
                "problems": problems,
                "stage_step_number": stage_step_number,
                "stage_number": stage_number,
                "urls": urls,
                "signed_url": signed_url,
                "original_image_id": original_image_id,
                "image_batch_id": image_batch_id,
                "meta": meta,
                "application_run_id": application_run_id,
                "upload_url": upload_url,
            }
        )

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.dictionary_item import DictionaryItem  # noqa: PLC0415
        from ..models.signed_upload_urls import SignedUploadUrls  # noqa: PLC0415
        from ..models.upload_url import UploadUrl  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("SignedUpload", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "id"
            id = UUID(__d.pop("id"))

            __field = "name"
            name = __d.pop("name")

            __field = "side"

            def _parse_side(data: object) -> DictionaryItem | None:
                if data is None:
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    side_type_0 = DictionaryItem.from_dict(data)

                    return side_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(DictionaryItem | None, data)

            side = _parse_side(__d.pop("side"))

            __field = "light"

            def _parse_light(data: object) -> DictionaryItem | None:
                if data is None:
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    light_type_0 = DictionaryItem.from_dict(data)

                    return light_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(DictionaryItem | None, data)

            light = _parse_light(__d.pop("light"))

            __field = "image_type"

            def _parse_image_type(data: object) -> DictionaryItem | None:
                if data is None:
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    image_type_type_0 = DictionaryItem.from_dict(data)

                    return image_type_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(DictionaryItem | None, data)

            image_type = _parse_image_type(__d.pop("image_type"))

            __field = "side_name"
            side_name = __d.pop("side_name")

            __field = "side_tech_name"
            side_tech_name = __d.pop("side_tech_name")

            __field = "light_name"
            light_name = __d.pop("light_name")

            __field = "light_tech_name"
            light_tech_name = __d.pop("light_tech_name")

            __field = "image_type_name"
            image_type_name = __d.pop("image_type_name")

            __field = "image_type_tech_name"
            image_type_tech_name = __d.pop("image_type_tech_name")

            __field = "creation_time"
            creation_time = _parse_datetime(__d.pop("creation_time"))

            __field = "quality_score"

            def _parse_quality_score(data: object) -> float | None:
                if data is None:
                    return data
                return cast(float | None, data)

            quality_score = _parse_quality_score(__d.pop("quality_score"))

            __field = "quality_feedback"
            quality_feedback = __d.pop("quality_feedback")

            __field = "quality_result"
            quality_result = __d.pop("quality_result")

            __field = "quality_issues"
            quality_issues = cast(list[str], _as_list(__d.pop("quality_issues")))

            __field = "problems"
            problems = cast(list[str], _as_list(__d.pop("problems")))

            __field = "stage_step_number"

            def _parse_stage_step_number(data: object) -> int | None:
                if data is None:
                    return data
                return cast(int | None, data)

            stage_step_number = _parse_stage_step_number(__d.pop("stage_step_number"))

            __field = "stage_number"

            def _parse_stage_number(data: object) -> int | None:
                if data is None:
                    return data
                return cast(int | None, data)

            stage_number = _parse_stage_number(__d.pop("stage_number"))

            __field = "urls"
            urls = SignedUploadUrls.from_dict(__d.pop("urls"))

            __field = "signed_url"

            def _parse_signed_url(data: object) -> None | str:
                if data is None:
                    return data
                return cast(None | str, data)

            signed_url = _parse_signed_url(__d.pop("signed_url"))

            __field = "original_image_id"

            def _parse_original_image_id(data: object) -> None | UUID:
                if data is None:
                    return data
                try:
                    if not isinstance(data, str):
                        raise TypeError()
                    original_image_id_type_0 = UUID(data)

                    return original_image_id_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(None | UUID, data)

            original_image_id = _parse_original_image_id(__d.pop("original_image_id"))

            __field = "image_batch_id"
            image_batch_id = UUID(__d.pop("image_batch_id"))

            __field = "meta"
            meta = __d.pop("meta")

            __field = "application_run_id"
            application_run_id = UUID(__d.pop("application_run_id"))

            __field = "upload_url"
            upload_url = UploadUrl.from_dict(__d.pop("upload_url"))

            __model = cls(
                id=id,
                name=name,
                side=side,
                light=light,
                image_type=image_type,
                side_name=side_name,
                side_tech_name=side_tech_name,
                light_name=light_name,
                light_tech_name=light_tech_name,
                image_type_name=image_type_name,
                image_type_tech_name=image_type_tech_name,
                creation_time=creation_time,
                quality_score=quality_score,
                quality_feedback=quality_feedback,
                quality_result=quality_result,
                quality_issues=quality_issues,
                problems=problems,
                stage_step_number=stage_step_number,
                stage_number=stage_number,
                urls=urls,
                signed_url=signed_url,
                original_image_id=original_image_id,
                image_batch_id=image_batch_id,
                meta=meta,
                application_run_id=application_run_id,
                upload_url=upload_url,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("SignedUpload", __field, __error) from None
        return __model

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
