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
    from ..models.aux_image import AuxImage


T = TypeVar("T", bound="Image")


@_attrs_define(field_transformer=_hide_values)
class Image:
    """
    Attributes:
        id (UUID):
        name (str):
        side (str):
        quality_score (float | None):
        problems (list[str] | None):
        created_at (datetime.datetime):
        signed_url (None | str):
        image_batch_id (UUID):
        meta (Any):
        aux_images (list[AuxImage]):
    """

    id: UUID
    name: str
    side: str
    quality_score: float | None
    problems: list[str] | None
    created_at: datetime.datetime
    signed_url: None | str
    image_batch_id: UUID
    meta: Any
    aux_images: list[AuxImage]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        id = str(self.id)

        name = self.name

        side = self.side

        quality_score: float | None
        quality_score = self.quality_score

        problems: list[str] | None
        if isinstance(self.problems, list):
            problems = self.problems

        else:
            problems = self.problems

        created_at = _format_datetime(self.created_at)

        signed_url: None | str
        signed_url = self.signed_url

        image_batch_id = str(self.image_batch_id)

        meta = self.meta

        aux_images = []
        for aux_images_item_data in self.aux_images:
            aux_images_item = aux_images_item_data.to_dict()
            aux_images.append(aux_images_item)

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "id": id,
                "name": name,
                "side": side,
                "quality_score": quality_score,
                "problems": problems,
                "created_at": created_at,
                "signed_url": signed_url,
                "image_batch_id": image_batch_id,
                "meta": meta,
                "aux_images": aux_images,
            }
        )

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.aux_image import AuxImage  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("Image", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "id"
            id = UUID(__d.pop("id"))

            __field = "name"
            name = __d.pop("name")

            __field = "side"
            side = __d.pop("side")

            __field = "quality_score"

            def _parse_quality_score(data: object) -> float | None:
                if data is None:
                    return data
                return cast(float | None, data)

            quality_score = _parse_quality_score(__d.pop("quality_score"))

            __field = "problems"

            def _parse_problems(data: object) -> list[str] | None:
                if data is None:
                    return data
                try:
                    if not isinstance(data, list):
                        raise TypeError()
                    problems_type_0 = cast(list[str], _as_list(data))

                    return problems_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(list[str] | None, data)

            problems = _parse_problems(__d.pop("problems"))

            __field = "created_at"
            created_at = _parse_datetime(__d.pop("created_at"))

            __field = "signed_url"

            def _parse_signed_url(data: object) -> None | str:
                if data is None:
                    return data
                return cast(None | str, data)

            signed_url = _parse_signed_url(__d.pop("signed_url"))

            __field = "image_batch_id"
            image_batch_id = UUID(__d.pop("image_batch_id"))

            __field = "meta"
            meta = __d.pop("meta")

            __field = "aux_images"
            _aux_images = _as_list(__d.pop("aux_images"))
            aux_images = []
            try:
                for aux_images_item_data in _aux_images:
                    aux_images_item = AuxImage.from_dict(aux_images_item_data)

                    aux_images.append(aux_images_item)
            except _READ_FAILURES as __error:
                raise _DecodeError.at("list", len(aux_images), __error) from None

            __model = cls(
                id=id,
                name=name,
                side=side,
                quality_score=quality_score,
                problems=problems,
                created_at=created_at,
                signed_url=signed_url,
                image_batch_id=image_batch_id,
                meta=meta,
                aux_images=aux_images,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("Image", __field, __error) from None
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
