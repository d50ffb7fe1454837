from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import UNSET, Unset
from ..types import format_datetime as _format_datetime
from ..types import hide_values as _hide_values
from ..types import parse_datetime as _parse_datetime
from ..types import safe_repr as _safe_repr

T = TypeVar("T", bound="SignedUploadRequest")


@_attrs_define(field_transformer=_hide_values)
class SignedUploadRequest:
    """
    Attributes:
        batch_id (UUID | Unset): image batch id (uuid)
        side_id (int | Unset): image side id related to dataset's image_type, you can choose a side from
            /dicts/image_types/ API endpoint, if you omit this parameter, the default side will be used. 1 front image, 2
            right image, 3 left image.
        light_id (int | None | Unset): image light id related to dataset's image_type, you can choose a light from
            /dicts/image_types/ API endpoint, if you omit this parameter, the default side will be used. 1 regular light.
        meta (Any | Unset): image meta If left out, the service uses {}.
        creation_time (datetime.datetime | None | Unset): batch creation time
        name (str | Unset):
        app_args (Any | Unset):
    """

    batch_id: UUID | Unset = UNSET
    side_id: int | Unset = UNSET
    light_id: int | None | Unset = UNSET
    meta: Any | Unset = UNSET
    creation_time: datetime.datetime | None | Unset = UNSET
    name: str | Unset = UNSET
    app_args: Any | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        batch_id: str | Unset = UNSET
        if not isinstance(self.batch_id, Unset):
            batch_id = str(self.batch_id)

        side_id = self.side_id

        light_id: int | None | Unset
        if isinstance(self.light_id, Unset):
            light_id = UNSET
        else:
            light_id = self.light_id

        meta = self.meta

        creation_time: None | str | Unset
        if isinstance(self.creation_time, Unset):
            creation_time = UNSET
        elif isinstance(self.creation_time, datetime.datetime):
            creation_time = _format_datetime(self.creation_time)
        else:
            creation_time = self.creation_time

        name = self.name

        app_args = self.app_args

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update({})
        if batch_id is not UNSET:
            __field_dict["batch_id"] = batch_id
        if side_id is not UNSET:
            __field_dict["side_id"] = side_id
        if light_id is not UNSET:
            __field_dict["light_id"] = light_id
        if meta is not UNSET:
            __field_dict["meta"] = meta
        if creation_time is not UNSET:
            __field_dict["creation_time"] = creation_time
        if name is not UNSET:
            __field_dict["name"] = name
        if app_args is not UNSET:
            __field_dict["app_args"] = app_args

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("SignedUploadRequest", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "batch_id"
            _batch_id = __d.pop("batch_id", UNSET)
            batch_id: UUID | Unset
            if isinstance(_batch_id, Unset):
                batch_id = UNSET
            else:
                batch_id = UUID(_batch_id)

            __field = "side_id"
            side_id = __d.pop("side_id", UNSET)

            __field = "light_id"

            def _parse_light_id(data: object) -> int | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(int | None | Unset, data)

            light_id = _parse_light_id(__d.pop("light_id", UNSET))

            __field = "meta"
            meta = __d.pop("meta", UNSET)

            __field = "creation_time"

            def _parse_creation_time(data: object) -> datetime.datetime | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not (isinstance(data, str) and len(data) > 10):
                        raise TypeError()
                    creation_time_type_0 = _parse_datetime(data)

                    return creation_time_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(datetime.datetime | None | Unset, data)

            creation_time = _parse_creation_time(__d.pop("creation_time", UNSET))

            __field = "name"
            name = __d.pop("name", UNSET)

            __field = "app_args"
            app_args = __d.pop("app_args", UNSET)

            __model = cls(
                batch_id=batch_id,
                side_id=side_id,
                light_id=light_id,
                meta=meta,
                creation_time=creation_time,
                name=name,
                app_args=app_args,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("SignedUploadRequest", __field, __error) from None
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
