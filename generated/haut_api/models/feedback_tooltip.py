from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..errors import as_list as _as_list
from ..types import UNSET, Unset
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

T = TypeVar("T", bound="FeedbackTooltip")


@_attrs_define(field_transformer=_hide_values)
class FeedbackTooltip:
    """
    Attributes:
        warn (list[str] | None | Unset):
        negative (list[str] | None | Unset):
        positive (list[str] | None | Unset):
    """

    warn: list[str] | None | Unset = UNSET
    negative: list[str] | None | Unset = UNSET
    positive: list[str] | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        warn: list[str] | None | Unset
        if isinstance(self.warn, Unset):
            warn = UNSET
        elif isinstance(self.warn, list):
            warn = self.warn

        else:
            warn = self.warn

        negative: list[str] | None | Unset
        if isinstance(self.negative, Unset):
            negative = UNSET
        elif isinstance(self.negative, list):
            negative = self.negative

        else:
            negative = self.negative

        positive: list[str] | None | Unset
        if isinstance(self.positive, Unset):
            positive = UNSET
        elif isinstance(self.positive, list):
            positive = self.positive

        else:
            positive = self.positive

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update({})
        if warn is not UNSET:
            __field_dict["warn"] = warn
        if negative is not UNSET:
            __field_dict["negative"] = negative
        if positive is not UNSET:
            __field_dict["positive"] = positive

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("FeedbackTooltip", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "warn"

            def _parse_warn(data: object) -> list[str] | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, list):
                        raise TypeError()
                    warn_type_0 = cast(list[str], _as_list(data))

                    return warn_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(list[str] | None | Unset, data)

            warn = _parse_warn(__d.pop("warn", UNSET))

            __field = "negative"

            def _parse_negative(data: object) -> list[str] | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, list):
                        raise TypeError()
                    negative_type_0 = cast(list[str], _as_list(data))

                    return negative_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(list[str] | None | Unset, data)

            negative = _parse_negative(__d.pop("negative", UNSET))

            __field = "positive"

            def _parse_positive(data: object) -> list[str] | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, list):
                        raise TypeError()
                    positive_type_0 = cast(list[str], _as_list(data))

                    return positive_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(list[str] | None | Unset, data)

            positive = _parse_positive(__d.pop("positive", UNSET))

            __model = cls(
                warn=warn,
                negative=negative,
                positive=positive,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("FeedbackTooltip", __field, __error) from None
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
