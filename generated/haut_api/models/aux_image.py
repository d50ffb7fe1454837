from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import format_datetime as _format_datetime
from ..types import hide_values as _hide_values
from ..types import parse_datetime as _parse_datetime
from ..types import safe_repr as _safe_repr

T = TypeVar("T", bound="AuxImage")


@_attrs_define(field_transformer=_hide_values)
class AuxImage:
    """
    Attributes:
        id (UUID):
        aux_image_type (str):
        creation_time (datetime.datetime):
        algo_app (str):
        signed_url (None | str):
        meta (Any):
    """

    id: UUID
    aux_image_type: str
    creation_time: datetime.datetime
    algo_app: str
    signed_url: None | str
    meta: Any
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        id = str(self.id)

        aux_image_type = self.aux_image_type

        creation_time = _format_datetime(self.creation_time)

        algo_app = self.algo_app

        signed_url: None | str
        signed_url = self.signed_url

        meta = self.meta

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "id": id,
                "aux_image_type": aux_image_type,
                "creation_time": creation_time,
                "algo_app": algo_app,
                "signed_url": signed_url,
                "meta": meta,
            }
        )

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("AuxImage", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "id"
            id = UUID(__d.pop("id"))

            __field = "aux_image_type"
            aux_image_type = __d.pop("aux_image_type")

            __field = "creation_time"
            creation_time = _parse_datetime(__d.pop("creation_time"))

            __field = "algo_app"
            algo_app = __d.pop("algo_app")

            __field = "signed_url"

            def _parse_signed_url(data: object) -> None | str:
                if data is None:
                    return data
                return cast(None | str, data)

            signed_url = _parse_signed_url(__d.pop("signed_url"))

            __field = "meta"
            meta = __d.pop("meta")

            __model = cls(
                id=id,
                aux_image_type=aux_image_type,
                creation_time=creation_time,
                algo_app=algo_app,
                signed_url=signed_url,
                meta=meta,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("AuxImage", __field, __error) from None
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
