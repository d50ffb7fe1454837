from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import UNSET, Unset
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

if TYPE_CHECKING:
    from ..models.face_skin_metrics_3 import FaceSkinMetrics3


T = TypeVar("T", bound="BatchResultsV3")


@_attrs_define(field_transformer=_hide_values)
class BatchResultsV3:
    """Empty while nothing is ready.

    Attributes:
        face_skin_metrics_3 (FaceSkinMetrics3 | Unset):
    """

    face_skin_metrics_3: FaceSkinMetrics3 | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        face_skin_metrics_3: dict[str, Any] | Unset = UNSET
        if not isinstance(self.face_skin_metrics_3, Unset):
            face_skin_metrics_3 = self.face_skin_metrics_3.to_dict()

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update({})
        if face_skin_metrics_3 is not UNSET:
            __field_dict["face_skin_metrics_3"] = face_skin_metrics_3

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.face_skin_metrics_3 import FaceSkinMetrics3  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("BatchResultsV3", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "face_skin_metrics_3"
            _face_skin_metrics_3 = __d.pop("face_skin_metrics_3", UNSET)
            face_skin_metrics_3: FaceSkinMetrics3 | Unset
            if isinstance(_face_skin_metrics_3, Unset):
                face_skin_metrics_3 = UNSET
            else:
                face_skin_metrics_3 = FaceSkinMetrics3.from_dict(_face_skin_metrics_3)

            __model = cls(
                face_skin_metrics_3=face_skin_metrics_3,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("BatchResultsV3", __field, __error) from None
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
