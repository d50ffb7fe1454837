from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..errors import as_list as _as_list
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

if TYPE_CHECKING:
    from ..models.dictionary_item import DictionaryItem


T = TypeVar("T", bound="ImageType")


@_attrs_define(field_transformer=_hide_values)
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

    __repr__ = _safe_repr

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

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "id": id,
                "name": name,
                "tech_name": tech_name,
                "sides": sides,
                "lights": lights,
            }
        )

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.dictionary_item import DictionaryItem  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("ImageType", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "id"
            id = __d.pop("id")

            __field = "name"
            name = __d.pop("name")

            __field = "tech_name"
            tech_name = __d.pop("tech_name")

            __field = "sides"
            _sides = _as_list(__d.pop("sides"))
            sides = []
            try:
                for sides_item_data in _sides:
                    sides_item = DictionaryItem.from_dict(sides_item_data)

                    sides.append(sides_item)
            except _READ_FAILURES as __error:
                raise _DecodeError.at("list", len(sides), __error) from None

            __field = "lights"
            _lights = _as_list(__d.pop("lights"))
            lights = []
            try:
                for lights_item_data in _lights:
                    lights_item = DictionaryItem.from_dict(lights_item_data)

                    lights.append(lights_item)
            except _READ_FAILURES as __error:
                raise _DecodeError.at("list", len(lights), __error) from None

            __model = cls(
                id=id,
                name=name,
                tech_name=tech_name,
                sides=sides,
                lights=lights,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("ImageType", __field, __error) from None
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
