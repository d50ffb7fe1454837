from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import UNSET, Unset
from ..types import format_datetime as _format_datetime
from ..types import hide_values as _hide_values
from ..types import parse_datetime as _parse_datetime
from ..types import safe_repr as _safe_repr

T = TypeVar("T", bound="UploadRequestV3")


@_attrs_define(field_transformer=_hide_values)
class UploadRequestV3:
    """
    Attributes:
        front (str | Unset): A file name for the photo of the front side.
        left (str | Unset): A file name for the photo of the left side.
        right (str | Unset): A file name for the photo of the right side.
        creation_time (datetime.datetime | None | Unset):
        meta (Any | Unset):
    """

    front: str | Unset = UNSET
    left: str | Unset = UNSET
    right: str | Unset = UNSET
    creation_time: datetime.datetime | None | Unset = UNSET
    meta: Any | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        front = self.front

        left = self.left

        right = self.right

        creation_time: None | str | Unset
        if isinstance(self.creation_time, Unset):
            creation_time = UNSET
        elif isinstance(self.creation_time, datetime.datetime):
            creation_time = _format_datetime(self.creation_time)
        else:
            creation_time = self.creation_time

        meta = self.meta

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update({})
        if front is not UNSET:
            __field_dict["front"] = front
        if left is not UNSET:
            __field_dict["left"] = left
        if right is not UNSET:
            __field_dict["right"] = right
        if creation_time is not UNSET:
            __field_dict["creation_time"] = creation_time
        if meta is not UNSET:
            __field_dict["meta"] = meta

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("UploadRequestV3", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "front"
            front = __d.pop("front", UNSET)

            __field = "left"
            left = __d.pop("left", UNSET)

            __field = "right"
            right = __d.pop("right", UNSET)

            __field = "creation_time"

            def _parse_creation_time(data: object) -> datetime.datetime | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not (isinstance(data, str) and len(data) > 10):
                        raise TypeError()
                    creation_time_type_0 = _parse_datetime(data)

                    return creation_time_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(datetime.datetime | None | Unset, data)

            creation_time = _parse_creation_time(__d.pop("creation_time", UNSET))

            __field = "meta"
            meta = __d.pop("meta", UNSET)

            __model = cls(
                front=front,
                left=left,
                right=right,
                creation_time=creation_time,
                meta=meta,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("UploadRequestV3", __field, __error) from None
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
