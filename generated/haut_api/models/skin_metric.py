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

T = TypeVar("T", bound="SkinMetric")


@_attrs_define(field_transformer=_hide_values)
class SkinMetric:
    """
    Attributes:
        tech_name (str):
        value (Any | Unset): A number, or the name of a category such as Light.
        widget_type (None | str | Unset):
        name (None | str | Unset):
        widget_meta (Any | Unset):
        units (None | str | Unset):
        widget_show (bool | None | Unset):
    """

    tech_name: str
    value: Any | Unset = UNSET
    widget_type: None | str | Unset = UNSET
    name: None | str | Unset = UNSET
    widget_meta: Any | Unset = UNSET
    units: None | str | Unset = UNSET
    widget_show: bool | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        tech_name = self.tech_name

        value = self.value

        widget_type: None | str | Unset
        if isinstance(self.widget_type, Unset):
            widget_type = UNSET
        else:
            widget_type = self.widget_type

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        widget_meta = self.widget_meta

        units: None | str | Unset
        if isinstance(self.units, Unset):
            units = UNSET
        else:
            units = self.units

        widget_show: bool | None | Unset
        if isinstance(self.widget_show, Unset):
            widget_show = UNSET
        else:
            widget_show = self.widget_show

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "tech_name": tech_name,
            }
        )
        if value is not UNSET:
            __field_dict["value"] = value
        if widget_type is not UNSET:
            __field_dict["widget_type"] = widget_type
        if name is not UNSET:
            __field_dict["name"] = name
        if widget_meta is not UNSET:
            __field_dict["widget_meta"] = widget_meta
        if units is not UNSET:
            __field_dict["units"] = units
        if widget_show is not UNSET:
            __field_dict["widget_show"] = widget_show

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("SkinMetric", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "tech_name"
            tech_name = __d.pop("tech_name")

            __field = "value"
            value = __d.pop("value", UNSET)

            __field = "widget_type"

            def _parse_widget_type(data: object) -> None | str | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(None | str | Unset, data)

            widget_type = _parse_widget_type(__d.pop("widget_type", UNSET))

            __field = "name"

            def _parse_name(data: object) -> None | str | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(None | str | Unset, data)

            name = _parse_name(__d.pop("name", UNSET))

            __field = "widget_meta"
            widget_meta = __d.pop("widget_meta", UNSET)

            __field = "units"

            def _parse_units(data: object) -> None | str | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(None | str | Unset, data)

            units = _parse_units(__d.pop("units", UNSET))

            __field = "widget_show"

            def _parse_widget_show(data: object) -> bool | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(bool | None | Unset, data)

            widget_show = _parse_widget_show(__d.pop("widget_show", UNSET))

            __model = cls(
                tech_name=tech_name,
                value=value,
                widget_type=widget_type,
                name=name,
                widget_meta=widget_meta,
                units=units,
                widget_show=widget_show,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("SkinMetric", __field, __error) from None
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
