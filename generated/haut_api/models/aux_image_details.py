from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import format_datetime as _format_datetime
from ..types import hide_values as _hide_values
from ..types import parse_datetime as _parse_datetime
from ..types import safe_repr as _safe_repr

if TYPE_CHECKING:
    from ..models.aux_image_details_urls import AuxImageDetailsUrls
    from ..models.dictionary_item import DictionaryItem


T = TypeVar("T", bound="AuxImageDetails")


@_attrs_define(field_transformer=_hide_values)
class AuxImageDetails:
    """
    Attributes:
        id (UUID):
        aux_image_type (DictionaryItem | None):
        creation_time (datetime.datetime):
        application_id (UUID):
        application_name (str):
        application_run_id (UUID):
        application_description (str):
        urls (AuxImageDetailsUrls):
    """

    id: UUID
    aux_image_type: DictionaryItem | None
    creation_time: datetime.datetime
    application_id: UUID
    application_name: str
    application_run_id: UUID
    application_description: str
    urls: AuxImageDetailsUrls
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        from ..models.dictionary_item import DictionaryItem  # noqa: PLC0415

        id = str(self.id)

        aux_image_type: dict[str, Any] | None
        if isinstance(self.aux_image_type, DictionaryItem):
            aux_image_type = self.aux_image_type.to_dict()
        else:
            aux_image_type = self.aux_image_type

        creation_time = _format_datetime(self.creation_time)

        application_id = str(self.application_id)

        application_name = self.application_name

        application_run_id = str(self.application_run_id)

        application_description = self.application_description

        urls = self.urls.to_dict()

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "id": id,
                "aux_image_type": aux_image_type,
                "creation_time": creation_time,
                "application_id": application_id,
                "application_name": application_name,
                "application_run_id": application_run_id,
                "application_description": application_description,
                "urls": urls,
            }
        )

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.aux_image_details_urls import AuxImageDetailsUrls  # noqa: PLC0415
        from ..models.dictionary_item import DictionaryItem  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("AuxImageDetails", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "id"
            id = UUID(__d.pop("id"))

            __field = "aux_image_type"

            def _parse_aux_image_type(data: object) -> DictionaryItem | None:
                if data is None:
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    aux_image_type_type_0 = DictionaryItem.from_dict(data)

                    return aux_image_type_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(DictionaryItem | None, data)

            aux_image_type = _parse_aux_image_type(__d.pop("aux_image_type"))

            __field = "creation_time"
            creation_time = _parse_datetime(__d.pop("creation_time"))

            __field = "application_id"
            application_id = UUID(__d.pop("application_id"))

            __field = "application_name"
            application_name = __d.pop("application_name")

            __field = "application_run_id"
            application_run_id = UUID(__d.pop("application_run_id"))

            __field = "application_description"
            application_description = __d.pop("application_description")

            __field = "urls"
            urls = AuxImageDetailsUrls.from_dict(__d.pop("urls"))

            __model = cls(
                id=id,
                aux_image_type=aux_image_type,
                creation_time=creation_time,
                application_id=application_id,
                application_name=application_name,
                application_run_id=application_run_id,
                application_description=application_description,
                urls=urls,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("AuxImageDetails", __field, __error) from None
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
