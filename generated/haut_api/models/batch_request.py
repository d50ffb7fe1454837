from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import UNSET, Unset
from ..types import format_datetime as _format_datetime
from ..types import hide_values as _hide_values
from ..types import parse_datetime as _parse_datetime
from ..types import safe_repr as _safe_repr

T = TypeVar("T", bound="BatchRequest")


@_attrs_define(field_transformer=_hide_values)
class BatchRequest:
    """
    Attributes:
        creation_time (datetime.datetime | Unset):
    """

    creation_time: datetime.datetime | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        creation_time: str | Unset = UNSET
        if not isinstance(self.creation_time, Unset):
            creation_time = _format_datetime(self.creation_time)

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update({})
        if creation_time is not UNSET:
            __field_dict["creation_time"] = creation_time

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("BatchRequest", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "creation_time"
            _creation_time = __d.pop("creation_time", UNSET)
            creation_time: datetime.datetime | Unset
            if isinstance(_creation_time, Unset):
                creation_time = UNSET
            else:
                creation_time = _parse_datetime(_creation_time)

            __model = cls(
                creation_time=creation_time,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("BatchRequest", __field, __error) from None
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
