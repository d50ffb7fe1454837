from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import UNSET, Unset
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

if TYPE_CHECKING:
    from ..models.user_profile_feature_flags import UserProfileFeatureFlags


T = TypeVar("T", bound="UserProfile")


@_attrs_define(field_transformer=_hide_values)
class UserProfile:
    """
    Attributes:
        metadata (Any | Unset):
        full_name (str | Unset):
        kyc_enabled (bool | Unset):
        terms_payment_accepted_at (Any | Unset):
        terms_and_policy_accepted_at (bool | Unset): A boolean despite its name (api-facts 15.14).
        feature_flags (UserProfileFeatureFlags | Unset):
    """

    metadata: Any | Unset = UNSET
    full_name: str | Unset = UNSET
    kyc_enabled: bool | Unset = UNSET
    terms_payment_accepted_at: Any | Unset = UNSET
    terms_and_policy_accepted_at: bool | Unset = UNSET
    feature_flags: UserProfileFeatureFlags | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        metadata = self.metadata

        full_name = self.full_name

        kyc_enabled = self.kyc_enabled

        terms_payment_accepted_at = self.terms_payment_accepted_at

        terms_and_policy_accepted_at = self.terms_and_policy_accepted_at

        feature_flags: dict[str, Any] | Unset = UNSET
        if not isinstance(self.feature_flags, Unset):
            feature_flags = self.feature_flags.to_dict()

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update({})
        if metadata is not UNSET:
            __field_dict["metadata"] = metadata
        if full_name is not UNSET:
            __field_dict["full_name"] = full_name
        if kyc_enabled is not UNSET:
            __field_dict["kyc_enabled"] = kyc_enabled
        if terms_payment_accepted_at is not UNSET:
            __field_dict["terms_payment_accepted_at"] = terms_payment_accepted_at
        if terms_and_policy_accepted_at is not UNSET:
            __field_dict["terms_and_policy_accepted_at"] = terms_and_policy_accepted_at
        if feature_flags is not UNSET:
            __field_dict["feature_flags"] = feature_flags

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.user_profile_feature_flags import UserProfileFeatureFlags  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("UserProfile", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "metadata"
            metadata = __d.pop("metadata", UNSET)

            __field = "full_name"
            full_name = __d.pop("full_name", UNSET)

            __field = "kyc_enabled"
            kyc_enabled = __d.pop("kyc_enabled", UNSET)

            __field = "terms_payment_accepted_at"
            terms_payment_accepted_at = __d.pop("terms_payment_accepted_at", UNSET)

            __field = "terms_and_policy_accepted_at"
            terms_and_policy_accepted_at = __d.pop(
                "terms_and_policy_accepted_at", UNSET
            )

            __field = "feature_flags"
            _feature_flags = __d.pop("feature_flags", UNSET)
            feature_flags: UserProfileFeatureFlags | Unset
            if isinstance(_feature_flags, Unset):
                feature_flags = UNSET
            else:
                feature_flags = UserProfileFeatureFlags.from_dict(_feature_flags)

            __model = cls(
                metadata=metadata,
                full_name=full_name,
                kyc_enabled=kyc_enabled,
                terms_payment_accepted_at=terms_payment_accepted_at,
                terms_and_policy_accepted_at=terms_and_policy_accepted_at,
                feature_flags=feature_flags,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("UserProfile", __field, __error) from None
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
