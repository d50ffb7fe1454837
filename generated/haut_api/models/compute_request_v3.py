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
    from ..models.compute_request_v3_app_args import ComputeRequestV3AppArgs


T = TypeVar("T", bound="ComputeRequestV3")


@_attrs_define(field_transformer=_hide_values)
class ComputeRequestV3:
    """
    Attributes:
        app_args (ComputeRequestV3AppArgs | Unset): Free JSON object, not null.
    """

    app_args: ComputeRequestV3AppArgs | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        app_args: dict[str, Any] | Unset = UNSET
        if not isinstance(self.app_args, Unset):
            app_args = self.app_args.to_dict()

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update({})
        if app_args is not UNSET:
            __field_dict["app_args"] = app_args

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.compute_request_v3_app_args import ComputeRequestV3AppArgs  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("ComputeRequestV3", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "app_args"
            _app_args = __d.pop("app_args", UNSET)
            app_args: ComputeRequestV3AppArgs | Unset
            if isinstance(_app_args, Unset):
                app_args = UNSET
            else:
                app_args = ComputeRequestV3AppArgs.from_dict(_app_args)

            __model = cls(
                app_args=app_args,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("ComputeRequestV3", __field, __error) from None
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
