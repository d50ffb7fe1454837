from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import safe_repr

if TYPE_CHECKING:
    from ..models.aux_image_details_urls import AuxImageDetailsUrls
    from ..models.dictionary_item import DictionaryItem


T = TypeVar("T", bound="AuxImageDetails")


@_attrs_define
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

    __repr__ = safe_repr

    def to_dict(self) -> dict[str, Any]:
        from ..models.dictionary_item import DictionaryItem  # noqa: PLC0415

        id = str(self.id)

        aux_image_type: dict[str, Any] | None
        if isinstance(self.aux_image_type, DictionaryItem):
            aux_image_type = self.aux_image_type.to_dict()
        else:
            aux_image_type = self.aux_image_type

        from haut_api.types import format_datetime

        creation_time = format_datetime(self.creation_time)

        application_id = str(self.application_id)

        application_name = self.application_name

        application_run_id = str(self.application_run_id)

        application_description = self.application_description

        urls = self.urls.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
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

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.aux_image_details_urls import AuxImageDetailsUrls  # noqa: PLC0415
        from ..models.dictionary_item import DictionaryItem  # noqa: PLC0415

        d = dict(src_dict)
        id = UUID(d.pop("id"))

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

        aux_image_type = _parse_aux_image_type(d.pop("aux_image_type"))

        from haut_api.types import parse_datetime

        creation_time = parse_datetime(d.pop("creation_time"))

        application_id = UUID(d.pop("application_id"))

        application_name = d.pop("application_name")

        application_run_id = UUID(d.pop("application_run_id"))

        application_description = d.pop("application_description")

        urls = AuxImageDetailsUrls.from_dict(d.pop("urls"))

        aux_image_details = cls(
            id=id,
            aux_image_type=aux_image_type,
            creation_time=creation_time,
            application_id=application_id,
            application_name=application_name,
            application_run_id=application_run_id,
            application_description=application_description,
            urls=urls,
        )

        aux_image_details.additional_properties = d
        return aux_image_details

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
