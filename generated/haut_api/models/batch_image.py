from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

if TYPE_CHECKING:
    from ..models.batch_image_urls import BatchImageUrls


T = TypeVar("T", bound="BatchImage")


@_attrs_define(field_transformer=_hide_values)
class BatchImage:
    """An image as the nested routes show it.

    Attributes:
        id (UUID):
        image_batch_id (UUID):
        urls (BatchImageUrls): URLs by size, such as original, 500x500 and 800x1200. They are on the API's own host and
            have no signature: treat them as secrets.
    """

    id: UUID
    image_batch_id: UUID
    urls: BatchImageUrls
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        id = str(self.id)

        image_batch_id = str(self.image_batch_id)

        urls = self.urls.to_dict()

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "id": id,
                "image_batch_id": image_batch_id,
                "urls": urls,
            }
        )

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.batch_image_urls import BatchImageUrls  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("BatchImage", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "id"
            id = UUID(__d.pop("id"))

            __field = "image_batch_id"
            image_batch_id = UUID(__d.pop("image_batch_id"))

            __field = "urls"
            urls = BatchImageUrls.from_dict(__d.pop("urls"))

            __model = cls(
                id=id,
                image_batch_id=image_batch_id,
                urls=urls,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("BatchImage", __field, __error) from None
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
