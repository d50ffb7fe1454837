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
    from ..models.face_skin_metrics_3_parameters import FaceSkinMetrics3Parameters
    from ..models.face_skin_metrics_3_predicted_images import (
        FaceSkinMetrics3PredictedImages,
    )
    from ..models.face_skin_metrics_3_predicted_labels import (
        FaceSkinMetrics3PredictedLabels,
    )


T = TypeVar("T", bound="FaceSkinMetrics3")


@_attrs_define(field_transformer=_hide_values)
class FaceSkinMetrics3:
    """
    Attributes:
        all_algorithms_calculated (bool):
        parameters (FaceSkinMetrics3Parameters | Unset): By name of the parameter, such as pores. Each holds some of
            score (0 to 100), tag, grade (1 to 5), score_description, age, eyes_age, amount, density, areas and masks (URLs
            by side and kind of picture).
        predicted_images (FaceSkinMetrics3PredictedImages | Unset):
        predicted_labels (FaceSkinMetrics3PredictedLabels | Unset):
    """

    all_algorithms_calculated: bool
    parameters: FaceSkinMetrics3Parameters | Unset = UNSET
    predicted_images: FaceSkinMetrics3PredictedImages | Unset = UNSET
    predicted_labels: FaceSkinMetrics3PredictedLabels | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        all_algorithms_calculated = self.all_algorithms_calculated

        parameters: dict[str, Any] | Unset = UNSET
        if not isinstance(self.parameters, Unset):
            parameters = self.parameters.to_dict()

        predicted_images: dict[str, Any] | Unset = UNSET
        if not isinstance(self.predicted_images, Unset):
            predicted_images = self.predicted_images.to_dict()

        predicted_labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.predicted_labels, Unset):
            predicted_labels = self.predicted_labels.to_dict()

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "all_algorithms_calculated": all_algorithms_calculated,
            }
        )
        if parameters is not UNSET:
            __field_dict["parameters"] = parameters
        if predicted_images is not UNSET:
            __field_dict["predicted_images"] = predicted_images
        if predicted_labels is not UNSET:
            __field_dict["predicted_labels"] = predicted_labels

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.face_skin_metrics_3_parameters import FaceSkinMetrics3Parameters  # noqa: PLC0415
        from ..models.face_skin_metrics_3_predicted_images import (
            FaceSkinMetrics3PredictedImages,  # noqa: PLC0415
        )
        from ..models.face_skin_metrics_3_predicted_labels import (
            FaceSkinMetrics3PredictedLabels,  # noqa: PLC0415
        )

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("FaceSkinMetrics3", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "all_algorithms_calculated"
            all_algorithms_calculated = __d.pop("all_algorithms_calculated")

            __field = "parameters"
            _parameters = __d.pop("parameters", UNSET)
            parameters: FaceSkinMetrics3Parameters | Unset
            if isinstance(_parameters, Unset):
                parameters = UNSET
            else:
                parameters = FaceSkinMetrics3Parameters.from_dict(_parameters)

            __field = "predicted_images"
            _predicted_images = __d.pop("predicted_images", UNSET)
            predicted_images: FaceSkinMetrics3PredictedImages | Unset
            if isinstance(_predicted_images, Unset):
                predicted_images = UNSET
            else:
                predicted_images = FaceSkinMetrics3PredictedImages.from_dict(
                    _predicted_images
                )

            __field = "predicted_labels"
            _predicted_labels = __d.pop("predicted_labels", UNSET)
            predicted_labels: FaceSkinMetrics3PredictedLabels | Unset
            if isinstance(_predicted_labels, Unset):
                predicted_labels = UNSET
            else:
                predicted_labels = FaceSkinMetrics3PredictedLabels.from_dict(
                    _predicted_labels
                )

            __model = cls(
                all_algorithms_calculated=all_algorithms_calculated,
                parameters=parameters,
                predicted_images=predicted_images,
                predicted_labels=predicted_labels,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("FaceSkinMetrics3", __field, __error) from None
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
