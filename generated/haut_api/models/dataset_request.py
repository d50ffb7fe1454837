from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import UNSET, Unset
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

T = TypeVar("T", bound="DatasetRequest")


@_attrs_define(field_transformer=_hide_values)
class DatasetRequest:
    """Serializer to get company id from urls with author.

    Attributes:
        name (str):
        image_type_id (int | None | Unset): From list_image_types.
        expire_images_after_days (int | None | Unset):
        expire_metadata_after_days (int | None | Unset):
        clean_images_as_soon_as_ready (bool | Unset):
        custom_branding (int | None | Unset):
    """

    name: str
    image_type_id: int | None | Unset = UNSET
    expire_images_after_days: int | None | Unset = UNSET
    expire_metadata_after_days: int | None | Unset = UNSET
    clean_images_as_soon_as_ready: bool | Unset = UNSET
    custom_branding: int | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        image_type_id: int | None | Unset
        if isinstance(self.image_type_id, Unset):
            image_type_id = UNSET
        else:
            image_type_id = self.image_type_id

        expire_images_after_days: int | None | Unset
        if isinstance(self.expire_images_after_days, Unset):
            expire_images_after_days = UNSET
        else:
            expire_images_after_days = self.expire_images_after_days

        expire_metadata_after_days: int | None | Unset
        if isinstance(self.expire_metadata_after_days, Unset):
            expire_metadata_after_days = UNSET
        else:
            expire_metadata_after_days = self.expire_metadata_after_days

        clean_images_as_soon_as_ready = self.clean_images_as_soon_as_ready

        custom_branding: int | None | Unset
        if isinstance(self.custom_branding, Unset):
            custom_branding = UNSET
        else:
            custom_branding = self.custom_branding

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "name": name,
            }
        )
        if image_type_id is not UNSET:
            __field_dict["image_type_id"] = image_type_id
        if expire_images_after_days is not UNSET:
            __field_dict["expire_images_after_days"] = expire_images_after_days
        if expire_metadata_after_days is not UNSET:
            __field_dict["expire_metadata_after_days"] = expire_metadata_after_days
        if clean_images_as_soon_as_ready is not UNSET:
            __field_dict["clean_images_as_soon_as_ready"] = (
                clean_images_as_soon_as_ready
            )
        if custom_branding is not UNSET:
            __field_dict["custom_branding"] = custom_branding

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("DatasetRequest", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "name"
            name = __d.pop("name")

            __field = "image_type_id"

            def _parse_image_type_id(data: object) -> int | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(int | None | Unset, data)

            image_type_id = _parse_image_type_id(__d.pop("image_type_id", UNSET))

            __field = "expire_images_after_days"

            def _parse_expire_images_after_days(data: object) -> int | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(int | None | Unset, data)

            expire_images_after_days = _parse_expire_images_after_days(
                __d.pop("expire_images_after_days", UNSET)
            )

            __field = "expire_metadata_after_days"

            def _parse_expire_metadata_after_days(data: object) -> int | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(int | None | Unset, data)

            expire_metadata_after_days = _parse_expire_metadata_after_days(
                __d.pop("expire_metadata_after_days", UNSET)
            )

            __field = "clean_images_as_soon_as_ready"
            clean_images_as_soon_as_ready = __d.pop(
                "clean_images_as_soon_as_ready", UNSET
            )

            __field = "custom_branding"

            def _parse_custom_branding(data: object) -> int | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(int | None | Unset, data)

            custom_branding = _parse_custom_branding(__d.pop("custom_branding", UNSET))

            __model = cls(
                name=name,
                image_type_id=image_type_id,
                expire_images_after_days=expire_images_after_days,
                expire_metadata_after_days=expire_metadata_after_days,
                clean_images_as_soon_as_ready=clean_images_as_soon_as_ready,
                custom_branding=custom_branding,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("DatasetRequest", __field, __error) from None
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
