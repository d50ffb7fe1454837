from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import safe_repr

T = TypeVar("T", bound="UserProfileFeatureFlags")


@_attrs_define
class UserProfileFeatureFlags:
    additional_properties: dict[str, bool] = _attrs_field(init=False, factory=dict)

    __repr__ = safe_repr

    def to_dict(self) -> dict[str, Any]:

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError(
                "UserProfileFeatureFlags", "(body)", "is not a JSON object"
            )
        __field = "(body)"
        try:
            d = dict(src_dict)
            user_profile_feature_flags = cls()

            user_profile_feature_flags.additional_properties = d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("UserProfileFeatureFlags", __field, __error) from None
        return user_profile_feature_flags

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> bool:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: bool) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
