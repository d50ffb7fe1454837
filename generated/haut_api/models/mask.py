from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..errors import as_list as _as_list
from ..types import UNSET, Unset
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

if TYPE_CHECKING:
    from ..models.mask_feature import MaskFeature


T = TypeVar("T", bound="Mask")


@_attrs_define(field_transformer=_hide_values)
class Mask:
    """Where in a picture something was found.

    Attributes:
        type_ (str | Unset): FeatureCollection.
        mask_type (str | Unset): heatmap_mask, polygon_mask, polyline_mask or point_mask.
        name (None | str | Unset):
        tech_name (str | Unset):
        view_box (str | Unset): `0 0 <width> <height>` in pixels.
        fill (None | str | Unset): A colour, `#rrggbb`.
        side (None | str | Unset):
        features (list[MaskFeature] | None | Unset):
    """

    type_: str | Unset = UNSET
    mask_type: str | Unset = UNSET
    name: None | str | Unset = UNSET
    tech_name: str | Unset = UNSET
    view_box: str | Unset = UNSET
    fill: None | str | Unset = UNSET
    side: None | str | Unset = UNSET
    features: list[MaskFeature] | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        type_ = self.type_

        mask_type = self.mask_type

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        tech_name = self.tech_name

        view_box = self.view_box

        fill: None | str | Unset
        if isinstance(self.fill, Unset):
            fill = UNSET
        else:
            fill = self.fill

        side: None | str | Unset
        if isinstance(self.side, Unset):
            side = UNSET
        else:
            side = self.side

        features: list[dict[str, Any]] | None | Unset
        if isinstance(self.features, Unset):
            features = UNSET
        elif isinstance(self.features, list):
            features = []
            for features_type_0_item_data in self.features:
                features_type_0_item = features_type_0_item_data.to_dict()
                features.append(features_type_0_item)

        else:
            features = self.features

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update({})
        if type_ is not UNSET:
            __field_dict["type"] = type_
        if mask_type is not UNSET:
            __field_dict["mask_type"] = mask_type
        if name is not UNSET:
            __field_dict["name"] = name
        if tech_name is not UNSET:
            __field_dict["tech_name"] = tech_name
        if view_box is not UNSET:
            __field_dict["view_box"] = view_box
        if fill is not UNSET:
            __field_dict["fill"] = fill
        if side is not UNSET:
            __field_dict["side"] = side
        if features is not UNSET:
            __field_dict["features"] = features

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.mask_feature import MaskFeature  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("Mask", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "type"
            type_ = __d.pop("type", UNSET)

            __field = "mask_type"
            mask_type = __d.pop("mask_type", UNSET)

            __field = "name"

            def _parse_name(data: object) -> None | str | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(None | str | Unset, data)

            name = _parse_name(__d.pop("name", UNSET))

            __field = "tech_name"
            tech_name = __d.pop("tech_name", UNSET)

            __field = "view_box"
            view_box = __d.pop("view_box", UNSET)

            __field = "fill"

            def _parse_fill(data: object) -> None | str | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(None | str | Unset, data)

            fill = _parse_fill(__d.pop("fill", UNSET))

            __field = "side"

            def _parse_side(data: object) -> None | str | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(None | str | Unset, data)

            side = _parse_side(__d.pop("side", UNSET))

            __field = "features"

            def _parse_features(data: object) -> list[MaskFeature] | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, list):
                        raise TypeError()
                    _features_type_0 = _as_list(data)
                    features_type_0 = []
                    try:
                        for features_type_0_item_data in _features_type_0:
                            features_type_0_item = MaskFeature.from_dict(
                                features_type_0_item_data
                            )

                            features_type_0.append(features_type_0_item)
                    except _READ_FAILURES as __error:
                        raise _DecodeError.at(
                            "list", len(features_type_0), __error
                        ) from None

                    return features_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(list[MaskFeature] | None | Unset, data)

            features = _parse_features(__d.pop("features", UNSET))

            __model = cls(
                type_=type_,
                mask_type=mask_type,
                name=name,
                tech_name=tech_name,
                view_box=view_box,
                fill=fill,
                side=side,
                features=features,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("Mask", __field, __error) from None
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
