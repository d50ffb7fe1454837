from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import UNSET, Unset
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

T = TypeVar("T", bound="DetectionParams")


@_attrs_define(field_transformer=_hide_values)
class DetectionParams:
    """
    Attributes:
        face_detected (bool | None | Unset):
        detection_confidence (float | None | Unset):
        full_face (Any | Unset):
        yaw_angle (float | None | Unset):
        roll_angle (float | None | Unset):
        pitch_angle (float | None | Unset):
    """

    face_detected: bool | None | Unset = UNSET
    detection_confidence: float | None | Unset = UNSET
    full_face: Any | Unset = UNSET
    yaw_angle: float | None | Unset = UNSET
    roll_angle: float | None | Unset = UNSET
    pitch_angle: float | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        face_detected: bool | None | Unset
        if isinstance(self.face_detected, Unset):
            face_detected = UNSET
        else:
            face_detected = self.face_detected

        detection_confidence: float | None | Unset
        if isinstance(self.detection_confidence, Unset):
            detection_confidence = UNSET
        else:
            detection_confidence = self.detection_confidence

        full_face = self.full_face

        yaw_angle: float | None | Unset
        if isinstance(self.yaw_angle, Unset):
            yaw_angle = UNSET
        else:
            yaw_angle = self.yaw_angle

        roll_angle: float | None | Unset
        if isinstance(self.roll_angle, Unset):
            roll_angle = UNSET
        else:
            roll_angle = self.roll_angle

        pitch_angle: float | None | Unset
        if isinstance(self.pitch_angle, Unset):
            pitch_angle = UNSET
        else:
            pitch_angle = self.pitch_angle

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update({})
        if face_detected is not UNSET:
            __field_dict["face_detected"] = face_detected
        if detection_confidence is not UNSET:
            __field_dict["detection_confidence"] = detection_confidence
        if full_face is not UNSET:
            __field_dict["full_face"] = full_face
        if yaw_angle is not UNSET:
            __field_dict["yaw_angle"] = yaw_angle
        if roll_angle is not UNSET:
            __field_dict["roll_angle"] = roll_angle
        if pitch_angle is not UNSET:
            __field_dict["pitch_angle"] = pitch_angle

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("DetectionParams", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "face_detected"

            def _parse_face_detected(data: object) -> bool | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(bool | None | Unset, data)

            face_detected = _parse_face_detected(__d.pop("face_detected", UNSET))

            __field = "detection_confidence"

            def _parse_detection_confidence(data: object) -> float | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(float | None | Unset, data)

            detection_confidence = _parse_detection_confidence(
                __d.pop("detection_confidence", UNSET)
            )

            __field = "full_face"
            full_face = __d.pop("full_face", UNSET)

            __field = "yaw_angle"

            def _parse_yaw_angle(data: object) -> float | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(float | None | Unset, data)

            yaw_angle = _parse_yaw_angle(__d.pop("yaw_angle", UNSET))

            __field = "roll_angle"

            def _parse_roll_angle(data: object) -> float | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(float | None | Unset, data)

            roll_angle = _parse_roll_angle(__d.pop("roll_angle", UNSET))

            __field = "pitch_angle"

            def _parse_pitch_angle(data: object) -> float | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(float | None | Unset, data)

            pitch_angle = _parse_pitch_angle(__d.pop("pitch_angle", UNSET))

            __model = cls(
                face_detected=face_detected,
                detection_confidence=detection_confidence,
                full_face=full_face,
                yaw_angle=yaw_angle,
                roll_angle=roll_angle,
                pitch_angle=pitch_angle,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("DetectionParams", __field, __error) from None
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
