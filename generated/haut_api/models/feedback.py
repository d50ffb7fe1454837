from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import UNSET, Unset
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

if TYPE_CHECKING:
    from ..models.feedback_tooltip import FeedbackTooltip


T = TypeVar("T", bound="Feedback")


@_attrs_define(field_transformer=_hide_values)
class Feedback:
    """Words for the person in front of the camera.

    Attributes:
        overlay (None | str | Unset):
        tooltip (FeedbackTooltip | None | Unset):
    """

    overlay: None | str | Unset = UNSET
    tooltip: FeedbackTooltip | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        from ..models.feedback_tooltip import FeedbackTooltip  # noqa: PLC0415

        overlay: None | str | Unset
        if isinstance(self.overlay, Unset):
            overlay = UNSET
        else:
            overlay = self.overlay

        tooltip: dict[str, Any] | None | Unset
        if isinstance(self.tooltip, Unset):
            tooltip = UNSET
        elif isinstance(self.tooltip, FeedbackTooltip):
            tooltip = self.tooltip.to_dict()
        else:
            tooltip = self.tooltip

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update({})
        if overlay is not UNSET:
            __field_dict["overlay"] = overlay
        if tooltip is not UNSET:
            __field_dict["tooltip"] = tooltip

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.feedback_tooltip import FeedbackTooltip  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("Feedback", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "overlay"

            def _parse_overlay(data: object) -> None | str | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(None | str | Unset, data)

            overlay = _parse_overlay(__d.pop("overlay", UNSET))

            __field = "tooltip"

            def _parse_tooltip(data: object) -> FeedbackTooltip | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    tooltip_type_0 = FeedbackTooltip.from_dict(data)

                    return tooltip_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(FeedbackTooltip | None | Unset, data)

            tooltip = _parse_tooltip(__d.pop("tooltip", UNSET))

            __model = cls(
                overlay=overlay,
                tooltip=tooltip,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("Feedback", __field, __error) from None
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
