from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import UNSET, Unset
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

if TYPE_CHECKING:
    from ..models.upload_slot_v3_headers import UploadSlotV3Headers


T = TypeVar("T", bound="UploadSlotV3")


@_attrs_define(field_transformer=_hide_values)
class UploadSlotV3:
    """
    Attributes:
        url (str):
        method (str):
        headers (UploadSlotV3Headers):
        content_type (str):
        id (UUID | Unset): Id of the image.
    """

    url: str
    method: str
    headers: UploadSlotV3Headers
    content_type: str
    id: UUID | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        url = self.url

        method = self.method

        headers = self.headers.to_dict()

        content_type = self.content_type

        id: str | Unset = UNSET
        if not isinstance(self.id, Unset):
            id = str(self.id)

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "url": url,
                "method": method,
                "headers": headers,
                "content_type": content_type,
            }
        )
        if id is not UNSET:
            __field_dict["id"] = id

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.upload_slot_v3_headers import UploadSlotV3Headers  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("UploadSlotV3", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "url"
            url = __d.pop("url")

            __field = "method"
            method = __d.pop("method")

            __field = "headers"
            headers = UploadSlotV3Headers.from_dict(__d.pop("headers"))

            __field = "content_type"
            content_type = __d.pop("content_type")

            __field = "id"
            _id = __d.pop("id", UNSET)
            id: UUID | Unset
            if isinstance(_id, Unset):
                id = UNSET
            else:
                id = UUID(_id)

            __model = cls(
                url=url,
                method=method,
                headers=headers,
                content_type=content_type,
                id=id,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("UploadSlotV3", __field, __error) from None
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
