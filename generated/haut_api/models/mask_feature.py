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
    from ..models.mask_feature_properties import MaskFeatureProperties
    from ..models.mask_geometry import MaskGeometry


T = TypeVar("T", bound="MaskFeature")


@_attrs_define(field_transformer=_hide_values)
class MaskFeature:
    """
    Attributes:
        type_ (str | Unset): feature, in lower case.
        properties (MaskFeatureProperties | None | Unset):
        geometry (MaskGeometry | None | Unset):
    """

    type_: str | Unset = UNSET
    properties: MaskFeatureProperties | None | Unset = UNSET
    geometry: MaskGeometry | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        from ..models.mask_feature_properties import MaskFeatureProperties  # noqa: PLC0415
        from ..models.mask_geometry import MaskGeometry  # noqa: PLC0415

        type_ = self.type_

        properties: dict[str, Any] | None | Unset
        if isinstance(self.properties, Unset):
            properties = UNSET
        elif isinstance(self.properties, MaskFeatureProperties):
            properties = self.properties.to_dict()
        else:
            properties = self.properties

        geometry: dict[str, Any] | None | Unset
        if isinstance(self.geometry, Unset):
            geometry = UNSET
        elif isinstance(self.geometry, MaskGeometry):
            geometry = self.geometry.to_dict()
        else:
            geometry = self.geometry

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update({})
        if type_ is not UNSET:
            __field_dict["type"] = type_
        if properties is not UNSET:
            __field_dict["properties"] = properties
        if geometry is not UNSET:
            __field_dict["geometry"] = geometry

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.mask_feature_properties import MaskFeatureProperties  # noqa: PLC0415
        from ..models.mask_geometry import MaskGeometry  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("MaskFeature", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "type"
            type_ = __d.pop("type", UNSET)

            __field = "properties"

            def _parse_properties(data: object) -> MaskFeatureProperties | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    properties_type_0 = MaskFeatureProperties.from_dict(data)

                    return properties_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(MaskFeatureProperties | None | Unset, data)

            properties = _parse_properties(__d.pop("properties", UNSET))

            __field = "geometry"

            def _parse_geometry(data: object) -> MaskGeometry | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    geometry_type_0 = MaskGeometry.from_dict(data)

                    return geometry_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(MaskGeometry | None | Unset, data)

            geometry = _parse_geometry(__d.pop("geometry", UNSET))

            __model = cls(
                type_=type_,
                properties=properties,
                geometry=geometry,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("MaskFeature", __field, __error) from None
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
