from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

T = TypeVar("T", bound="DatasetConnectedApplicationsItem")


@_attrs_define(field_transformer=_hide_values)
class DatasetConnectedApplicationsItem:
    """JSON object whose fields are not documented; they are in `additional_properties`."""

    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError(
                "DatasetConnectedApplicationsItem", "(body)", "is not a JSON object"
            )
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __model = cls()

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at(
                "DatasetConnectedApplicationsItem", __field, __error
            ) from None
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
