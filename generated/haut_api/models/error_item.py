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
    from ..models.error_item_extra import ErrorItemExtra


T = TypeVar("T", bound="ErrorItem")


@_attrs_define(field_transformer=_hide_values)
class ErrorItem:
    """
    Attributes:
        code (str):
        detail (str):
        attr (None | str): Field of the request that the error is about.
        extra (ErrorItemExtra | Unset): More about the error, by its code; Haut.AI's addition to the envelope.
    """

    code: str
    detail: str
    attr: None | str
    extra: ErrorItemExtra | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        code = self.code

        detail = self.detail

        attr: None | str
        attr = self.attr

        extra: dict[str, Any] | Unset = UNSET
        if not isinstance(self.extra, Unset):
            extra = self.extra.to_dict()

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "code": code,
                "detail": detail,
                "attr": attr,
            }
        )
        if extra is not UNSET:
            __field_dict["extra"] = extra

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.error_item_extra import ErrorItemExtra  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("ErrorItem", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "code"
            code = __d.pop("code")

            __field = "detail"
            detail = __d.pop("detail")

            __field = "attr"

            def _parse_attr(data: object) -> None | str:
                if data is None:
                    return data
                return cast(None | str, data)

            attr = _parse_attr(__d.pop("attr"))

            __field = "extra"
            _extra = __d.pop("extra", UNSET)
            extra: ErrorItemExtra | Unset
            if isinstance(_extra, Unset):
                extra = UNSET
            else:
                extra = ErrorItemExtra.from_dict(_extra)

            __model = cls(
                code=code,
                detail=detail,
                attr=attr,
                extra=extra,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("ErrorItem", __field, __error) from None
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
