from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import safe_repr

T = TypeVar("T", bound="CreatedPrivateToken")


@_attrs_define
class CreatedPrivateToken:
    """
    Attributes:
        id (int):
        name (str):
        expiration_time (datetime.datetime):
        data (str): The token itself; no other answer holds it.
    """

    id: int
    name: str
    expiration_time: datetime.datetime
    data: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = safe_repr

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name = self.name

        from haut_api.types import format_datetime

        expiration_time = format_datetime(self.expiration_time)

        data = self.data

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "expiration_time": expiration_time,
                "data": data,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        from haut_api.types import parse_datetime

        expiration_time = parse_datetime(d.pop("expiration_time"))

        data = d.pop("data")

        created_private_token = cls(
            id=id,
            name=name,
            expiration_time=expiration_time,
            data=data,
        )

        created_private_token.additional_properties = d
        return created_private_token

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
