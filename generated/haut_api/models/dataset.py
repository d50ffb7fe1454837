from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..errors import as_list as _as_list
from ..types import UNSET, Unset
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

if TYPE_CHECKING:
    from ..models.dataset_connected_applications_item import (
        DatasetConnectedApplicationsItem,
    )
    from ..models.image_type import ImageType


T = TypeVar("T", bound="Dataset")


@_attrs_define(field_transformer=_hide_values)
class Dataset:
    """
    Attributes:
        id (UUID):
        company_id (UUID):
        name (str):
        image_type (ImageType | None):
        image_type_name (None | str):
        image_type_tech_name (None | str):
        connected_applications (list[DatasetConnectedApplicationsItem]):
        expire_images_after_days (int | None):
        expire_metadata_after_days (int | None | Unset):
        clean_images_as_soon_as_ready (bool | Unset):
        custom_branding (int | None | Unset):
    """

    id: UUID
    company_id: UUID
    name: str
    image_type: ImageType | None
    image_type_name: None | str
    image_type_tech_name: None | str
    connected_applications: list[DatasetConnectedApplicationsItem]
    expire_images_after_days: int | None
    expire_metadata_after_days: int | None | Unset = UNSET
    clean_images_as_soon_as_ready: bool | Unset = UNSET
    custom_branding: int | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        from ..models.image_type import ImageType  # noqa: PLC0415

        id = str(self.id)

        company_id = str(self.company_id)

        name = self.name

        image_type: dict[str, Any] | None
        if isinstance(self.image_type, ImageType):
            image_type = self.image_type.to_dict()
        else:
            image_type = self.image_type

        image_type_name: None | str
        image_type_name = self.image_type_name

        image_type_tech_name: None | str
        image_type_tech_name = self.image_type_tech_name

        connected_applications = []
        for connected_applications_item_data in self.connected_applications:
            connected_applications_item = connected_applications_item_data.to_dict()
            connected_applications.append(connected_applications_item)

        expire_images_after_days: int | None
        expire_images_after_days = self.expire_images_after_days

        expire_metadata_after_days: int | None | Unset
        if isinstance(self.expire_metadata_after_days, Unset):
            expire_metadata_after_days = UNSET
        else:
            expire_metadata_after_days = self.expire_metadata_after_days

        clean_images_as_soon_as_ready = self.clean_images_as_soon_as_ready

        custom_branding: int | None | Unset
        if isinstance(self.custom_branding, Unset):
            custom_branding = UNSET
        else:
            custom_branding = self.custom_branding

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "id": id,
                "company_id": company_id,
                "name": name,
                "image_type": image_type,
                "image_type_name": image_type_name,
                "image_type_tech_name": image_type_tech_name,
                "connected_applications": connected_applications,
                "expire_images_after_days": expire_images_after_days,
            }
        )
        if expire_metadata_after_days is not UNSET:
            __field_dict["expire_metadata_after_days"] = expire_metadata_after_days
        if clean_images_as_soon_as_ready is not UNSET:
            __field_dict["clean_images_as_soon_as_ready"] = (
                clean_images_as_soon_as_ready
            )
        if custom_branding is not UNSET:
            __field_dict["custom_branding"] = custom_branding

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.dataset_connected_applications_item import (
            DatasetConnectedApplicationsItem,  # noqa: PLC0415
        )
        from ..models.image_type import ImageType  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("Dataset", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "id"
            id = UUID(__d.pop("id"))

            __field = "company_id"
            company_id = UUID(__d.pop("company_id"))

            __field = "name"
            name = __d.pop("name")

            __field = "image_type"

            def _parse_image_type(data: object) -> ImageType | None:
                if data is None:
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    image_type_type_0 = ImageType.from_dict(data)

                    return image_type_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(ImageType | None, data)

            image_type = _parse_image_type(__d.pop("image_type"))

            __field = "image_type_name"

            def _parse_image_type_name(data: object) -> None | str:
                if data is None:
                    return data
                return cast(None | str, data)

            image_type_name = _parse_image_type_name(__d.pop("image_type_name"))

            __field = "image_type_tech_name"

            def _parse_image_type_tech_name(data: object) -> None | str:
                if data is None:
                    return data
                return cast(None | str, data)

            image_type_tech_name = _parse_image_type_tech_name(
                __d.pop("image_type_tech_name")
            )

            __field = "connected_applications"
            _connected_applications = _as_list(__d.pop("connected_applications"))
            connected_applications = []
            try:
                for connected_applications_item_data in _connected_applications:
                    connected_applications_item = (
                        DatasetConnectedApplicationsItem.from_dict(
                            connected_applications_item_data
                        )
                    )

                    connected_applications.append(connected_applications_item)
            except _READ_FAILURES as __error:
                raise _DecodeError.at(
                    "list", len(connected_applications), __error
                ) from None

            __field = "expire_images_after_days"

            def _parse_expire_images_after_days(data: object) -> int | None:
                if data is None:
                    return data
                return cast(int | None, data)

            expire_images_after_days = _parse_expire_images_after_days(
                __d.pop("expire_images_after_days")
            )

            __field = "expire_metadata_after_days"

            def _parse_expire_metadata_after_days(data: object) -> int | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(int | None | Unset, data)

            expire_metadata_after_days = _parse_expire_metadata_after_days(
                __d.pop("expire_metadata_after_days", UNSET)
            )

            __field = "clean_images_as_soon_as_ready"
            clean_images_as_soon_as_ready = __d.pop(
                "clean_images_as_soon_as_ready", UNSET
            )

            __field = "custom_branding"

            def _parse_custom_branding(data: object) -> int | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(int | None | Unset, data)

            custom_branding = _parse_custom_branding(__d.pop("custom_branding", UNSET))

            __model = cls(
                id=id,
                company_id=company_id,
                name=name,
                image_type=image_type,
                image_type_name=image_type_name,
                image_type_tech_name=image_type_tech_name,
                connected_applications=connected_applications,
                expire_images_after_days=expire_images_after_days,
                expire_metadata_after_days=expire_metadata_after_days,
                clean_images_as_soon_as_ready=clean_images_as_soon_as_ready,
                custom_branding=custom_branding,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("Dataset", __field, __error) from None
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
