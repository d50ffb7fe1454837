from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import safe_repr

if TYPE_CHECKING:
    from ..models.dictionary_item import DictionaryItem


T = TypeVar("T", bound="ImageType")


@_attrs_define
class ImageType:
    """
    Attributes:
        id (int):
        name (str):
        tech_name (str):
        sides (list[DictionaryItem]):
        lights (list[DictionaryItem]):
    """

    id: int
    name: str
    tech_name: str
    sides: list[DictionaryItem]
    lights: list[DictionaryItem]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = safe_repr

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name = self.name

        tech_name = self.tech_name

        sides = []
        for sides_item_data in self.sides:
            sides_item = sides_item_data.to_dict()
            sides.append(sides_item)

        lights = []
        for lights_item_data in self.lights:
            lights_item = lights_item_data.to_dict()
            lights.append(lights_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "tech_name": tech_name,
                "sides": sides,
                "lights": lights,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.dictionary_item import DictionaryItem  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        tech_name = d.pop("tech_name")

        sides = []
        _sides = d.pop("sides")
        for sides_item_data in _sides:
            sides_item = DictionaryItem.from_dict(sides_item_data)

            sides.append(sides_item)

        lights = []
        _lights = d.pop("lights")
        for lights_item_data in _lights:
            lights_item = DictionaryItem.from_dict(lights_item_data)

            lights.append(lights_item)

        image_type = cls(
            id=id,
            name=name,
            tech_name=tech_name,
            sides=sides,
            lights=lights,
        )

        image_type.additional_properties = d
        return image_type

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
