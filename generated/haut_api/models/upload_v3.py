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
    from ..models.upload_slot_v3 import UploadSlotV3


T = TypeVar("T", bound="UploadV3")


@_attrs_define(field_transformer=_hide_values)
class UploadV3:
    """The sides that were asked for, and their batch.

    Attributes:
        image_batch_id (UUID):
        front (UploadSlotV3 | Unset):
        left (UploadSlotV3 | Unset):
        right (UploadSlotV3 | Unset):
    """

    image_batch_id: UUID
    front: UploadSlotV3 | Unset = UNSET
    left: UploadSlotV3 | Unset = UNSET
    right: UploadSlotV3 | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        image_batch_id = str(self.image_batch_id)

        front: dict[str, Any] | Unset = UNSET
        if not isinstance(self.front, Unset):
            front = self.front.to_dict()

        left: dict[str, Any] | Unset = UNSET
        if not isinstance(self.left, Unset):
            left = self.left.to_dict()

        right: dict[str, Any] | Unset = UNSET
        if not isinstance(self.right, Unset):
            right = self.right.to_dict()

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "image_batch_id": image_batch_id,
            }
        )
        if front is not UNSET:
            __field_dict["front"] = front
        if left is not UNSET:
            __field_dict["left"] = left
        if right is not UNSET:
            __field_dict["right"] = right

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.upload_slot_v3 import UploadSlotV3  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("UploadV3", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "image_batch_id"
            image_batch_id = UUID(__d.pop("image_batch_id"))

            __field = "front"
            _front = __d.pop("front", UNSET)
            front: UploadSlotV3 | Unset
            if isinstance(_front, Unset):
                front = UNSET
            else:
                front = UploadSlotV3.from_dict(_front)

            __field = "left"
            _left = __d.pop("left", UNSET)
            left: UploadSlotV3 | Unset
            if isinstance(_left, Unset):
                left = UNSET
            else:
                left = UploadSlotV3.from_dict(_left)

            __field = "right"
            _right = __d.pop("right", UNSET)
            right: UploadSlotV3 | Unset
            if isinstance(_right, Unset):
                right = UNSET
            else:
                right = UploadSlotV3.from_dict(_right)

            __model = cls(
                image_batch_id=image_batch_id,
                front=front,
                left=left,
                right=right,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("UploadV3", __field, __error) from None
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
