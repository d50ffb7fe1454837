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

T = TypeVar("T", bound="ImageUploadRequest")


@_attrs_define(field_transformer=_hide_values)
class ImageUploadRequest:
    """
    Attributes:
        b64data (str): The bytes of the image file in base64, bare or as a data URL.
        side_id (int | Unset):
        light_id (int | None | Unset):
        name (str | Unset):
    """

    b64data: str
    side_id: int | Unset = UNSET
    light_id: int | None | Unset = UNSET
    name: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        b64data = self.b64data

        side_id = self.side_id

        light_id: int | None | Unset
        if isinstance(self.light_id, Unset):
            light_id = UNSET
        else:
            light_id = self.light_id

        name = self.name

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "b64data": b64data,
            }
        )
        if side_id is not UNSET:
            __field_dict["side_id"] = side_id
        if light_id is not UNSET:
            __field_dict["light_id"] = light_id
        if name is not UNSET:
            __field_dict["name"] = name

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("ImageUploadRequest", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "b64data"
            b64data = __d.pop("b64data")

            __field = "side_id"
            side_id = __d.pop("side_id", UNSET)

            __field = "light_id"

            def _parse_light_id(data: object) -> int | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(int | None | Unset, data)

            light_id = _parse_light_id(__d.pop("light_id", UNSET))

            __field = "name"
            name = __d.pop("name", UNSET)

            __model = cls(
                b64data=b64data,
                side_id=side_id,
                light_id=light_id,
                name=name,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("ImageUploadRequest", __field, __error) from None
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
