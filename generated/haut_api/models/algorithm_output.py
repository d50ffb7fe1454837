from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..errors import as_list as _as_list
from ..types import UNSET, Unset
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

if TYPE_CHECKING:
    from ..models.area_result import AreaResult
    from ..models.detection_params import DetectionParams
    from ..models.feedback import Feedback
    from ..models.mask import Mask
    from ..models.transform_sequence import TransformSequence


T = TypeVar("T", bound="AlgorithmOutput")


@_attrs_define(field_transformer=_hide_values)
class AlgorithmOutput:
    """
    Attributes:
        algorithm_tech_name (str | Unset):
        image_type (str | Unset):
        area_results (list[AreaResult] | None | Unset):
        masks_restored (list[Mask] | None | Unset): Masks in pixels of the aligned face.
        masks_original (list[Mask] | None | Unset): Masks in pixels of the uploaded photo.
        revision (str | Unset): Build of the algorithms.
        feedback (Feedback | None | Unset):
        problems (list[str] | None | Unset):
        error (str | Unset): Why the algorithm failed, for example `No face detected`.
        bbox (Any | Unset):
        mesh (Any | Unset):
        side (None | str | Unset):
        light (None | str | Unset):
        detection_params (DetectionParams | None | Unset):
        transform_sequence (None | TransformSequence | Unset):
    """

    algorithm_tech_name: str | Unset = UNSET
    image_type: str | Unset = UNSET
    area_results: list[AreaResult] | None | Unset = UNSET
    masks_restored: list[Mask] | None | Unset = UNSET
    masks_original: list[Mask] | None | Unset = UNSET
    revision: str | Unset = UNSET
    feedback: Feedback | None | Unset = UNSET
    problems: list[str] | None | Unset = UNSET
    error: str | Unset = UNSET
    bbox: Any | Unset = UNSET
    mesh: Any | Unset = UNSET
    side: None | str | Unset = UNSET
    light: None | str | Unset = UNSET
    detection_params: DetectionParams | None | Unset = UNSET
    transform_sequence: None | TransformSequence | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        from ..models.detection_params import DetectionParams  # noqa: PLC0415
        from ..models.feedback import Feedback  # noqa: PLC0415
        from ..models.transform_sequence import TransformSequence  # noqa: PLC0415

        algorithm_tech_name = self.algorithm_tech_name

        image_type = self.image_type

        area_results: list[dict[str, Any]] | None | Unset
        if isinstance(self.area_results, Unset):
            area_results = UNSET
        elif isinstance(self.area_results, list):
            area_results = []
            for area_results_type_0_item_data in self.area_results:
                area_results_type_0_item = area_results_type_0_item_data.to_dict()
                area_results.append(area_results_type_0_item)

        else:
            area_results = self.area_results

        masks_restored: list[dict[str, Any]] | None | Unset
        if isinstance(self.masks_restored, Unset):
            masks_restored = UNSET
        elif isinstance(self.masks_restored, list):
            masks_restored = []
            for masks_restored_type_0_item_data in self.masks_restored:
                masks_restored_type_0_item = masks_restored_type_0_item_data.to_dict()
                masks_restored.append(masks_restored_type_0_item)

        else:
            masks_restored = self.masks_restored

        masks_original: list[dict[str, Any]] | None | Unset
        if isinstance(self.masks_original, Unset):
            masks_original = UNSET
        elif isinstance(self.masks_original, list):
            masks_original = []
            for masks_original_type_0_item_data in self.masks_original:
                masks_original_type_0_item = masks_original_type_0_item_data.to_dict()
                masks_original.append(masks_original_type_0_item)

        else:
            masks_original = self.masks_original

        revision = self.revision

        feedback: dict[str, Any] | None | Unset
        if isinstance(self.feedback, Unset):
            feedback = UNSET
        elif isinstance(self.feedback, Feedback):
            feedback = self.feedback.to_dict()
        else:
            feedback = self.feedback

        problems: list[str] | None | Unset
        if isinstance(self.problems, Unset):
            problems = UNSET
        elif isinstance(self.problems, list):
            problems = self.problems

        else:
            problems = self.problems

        error = self.error

        bbox = self.bbox

        mesh = self.mesh

        side: None | str | Unset
        if isinstance(self.side, Unset):
            side = UNSET
        else:
            side = self.side

        light: None | str | Unset
        if isinstance(self.light, Unset):
            light = UNSET
        else:
            light = self.light

        detection_params: dict[str, Any] | None | Unset
        if isinstance(self.detection_params, Unset):
            detection_params = UNSET
        elif isinstance(self.detection_params, DetectionParams):
            detection_params = self.detection_params.to_dict()
        else:
            detection_params = self.detection_params

        transform_sequence: dict[str, Any] | None | Unset
        if isinstance(self.transform_sequence, Unset):
            transform_sequence = UNSET
        elif isinstance(self.transform_sequence, TransformSequence):
            transform_sequence = self.transform_sequence.to_dict()
        else:
            transform_sequence = self.transform_sequence

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update({})
        if algorithm_tech_name is not UNSET:
            __field_dict["algorithm_tech_name"] = algorithm_tech_name
        if image_type is not UNSET:
            __field_dict["image_type"] = image_type
        if area_results is not UNSET:
            __field_dict["area_results"] = area_results
        if masks_restored is not UNSET:
            __field_dict["masks_restored"] = masks_restored
        if masks_original is not UNSET:
            __field_dict["masks_original"] = masks_original
        if revision is not UNSET:
            __field_dict["revision"] = revision
        if feedback is not UNSET:
            __field_dict["feedback"] = feedback
        if problems is not UNSET:
            __field_dict["problems"] = problems
        if error is not UNSET:
            __field_dict["error"] = error
        if bbox is not UNSET:
            __field_dict["bbox"] = bbox
        if mesh is not UNSET:
            __field_dict["mesh"] = mesh
        if side is not UNSET:
            __field_dict["side"] = side
        if light is not UNSET:
            __field_dict["light"] = light
        if detection_params is not UNSET:
            __field_dict["detection_params"] = detection_params
        if transform_sequence is not UNSET:
            __field_dict["transform_sequence"] = transform_sequence

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.area_result import AreaResult  # noqa: PLC0415
        from ..models.detection_params import DetectionParams  # noqa: PLC0415
        from ..models.feedback import Feedback  # noqa: PLC0415
        from ..models.mask import Mask  # noqa: PLC0415
        from ..models.transform_sequence import TransformSequence  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("AlgorithmOutput", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "algorithm_tech_name"
            algorithm_tech_name = __d.pop("algorithm_tech_name", UNSET)

            __field = "image_type"
            image_type = __d.pop("image_type", UNSET)

            __field = "area_results"

            def _parse_area_results(data: object) -> list[AreaResult] | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, list):
                        raise TypeError()
                    _area_results_type_0 = _as_list(data)
                    area_results_type_0 = []
                    try:
                        for area_results_type_0_item_data in _area_results_type_0:
                            area_results_type_0_item = AreaResult.from_dict(
                                area_results_type_0_item_data
                            )

                            area_results_type_0.append(area_results_type_0_item)
                    except _READ_FAILURES as __error:
                        raise _DecodeError.at(
                            "list", len(area_results_type_0), __error
                        ) from None

                    return area_results_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(list[AreaResult] | None | Unset, data)

            area_results = _parse_area_results(__d.pop("area_results", UNSET))

            __field = "masks_restored"

            def _parse_masks_restored(data: object) -> list[Mask] | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, list):
                        raise TypeError()
                    _masks_restored_type_0 = _as_list(data)
                    masks_restored_type_0 = []
                    try:
                        for masks_restored_type_0_item_data in _masks_restored_type_0:
                            masks_restored_type_0_item = Mask.from_dict(
                                masks_restored_type_0_item_data
                            )

                            masks_restored_type_0.append(masks_restored_type_0_item)
                    except _READ_FAILURES as __error:
                        raise _DecodeError.at(
                            "list", len(masks_restored_type_0), __error
                        ) from None

                    return masks_restored_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(list[Mask] | None | Unset, data)

            masks_restored = _parse_masks_restored(__d.pop("masks_restored", UNSET))

            __field = "masks_original"

            def _parse_masks_original(data: object) -> list[Mask] | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, list):
                        raise TypeError()
                    _masks_original_type_0 = _as_list(data)
                    masks_original_type_0 = []
                    try:
                        for masks_original_type_0_item_data in _masks_original_type_0:
                            masks_original_type_0_item = Mask.from_dict(
                                masks_original_type_0_item_data
                            )

                            masks_original_type_0.append(masks_original_type_0_item)
                    except _READ_FAILURES as __error:
                        raise _DecodeError.at(
                            "list", len(masks_original_type_0), __error
                        ) from None

                    return masks_original_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(list[Mask] | None | Unset, data)

            masks_original = _parse_masks_original(__d.pop("masks_original", UNSET))

            __field = "revision"
            revision = __d.pop("revision", UNSET)

            __field = "feedback"

            def _parse_feedback(data: object) -> Feedback | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    feedback_type_0 = Feedback.from_dict(data)

                    return feedback_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(Feedback | None | Unset, data)

            feedback = _parse_feedback(__d.pop("feedback", UNSET))

            __field = "problems"

            def _parse_problems(data: object) -> list[str] | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, list):
                        raise TypeError()
                    problems_type_0 = cast(list[str], _as_list(data))

                    return problems_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(list[str] | None | Unset, data)

            problems = _parse_problems(__d.pop("problems", UNSET))

            __field = "error"
            error = __d.pop("error", UNSET)

            __field = "bbox"
            bbox = __d.pop("bbox", UNSET)

            __field = "mesh"
            mesh = __d.pop("mesh", UNSET)

            __field = "side"

            def _parse_side(data: object) -> None | str | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(None | str | Unset, data)

            side = _parse_side(__d.pop("side", UNSET))

            __field = "light"

            def _parse_light(data: object) -> None | str | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(None | str | Unset, data)

            light = _parse_light(__d.pop("light", UNSET))

            __field = "detection_params"

            def _parse_detection_params(data: object) -> DetectionParams | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    detection_params_type_0 = DetectionParams.from_dict(data)

                    return detection_params_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(DetectionParams | None | Unset, data)

            detection_params = _parse_detection_params(
                __d.pop("detection_params", UNSET)
            )

            __field = "transform_sequence"

            def _parse_transform_sequence(
                data: object,
            ) -> None | TransformSequence | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    transform_sequence_type_0 = TransformSequence.from_dict(data)

                    return transform_sequence_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(None | TransformSequence | Unset, data)

            transform_sequence = _parse_transform_sequence(
                __d.pop("transform_sequence", UNSET)
            )

            __model = cls(
                algorithm_tech_name=algorithm_tech_name,
                image_type=image_type,
                area_results=area_results,
                masks_restored=masks_restored,
                masks_original=masks_original,
                revision=revision,
                feedback=feedback,
                problems=problems,
                error=error,
                bbox=bbox,
                mesh=mesh,
                side=side,
                light=light,
                detection_params=detection_params,
                transform_sequence=transform_sequence,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("AlgorithmOutput", __field, __error) from None
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
