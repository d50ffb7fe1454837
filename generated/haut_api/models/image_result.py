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
    from ..models.algorithm_output import AlgorithmOutput


T = TypeVar("T", bound="ImageResult")


@_attrs_define(field_transformer=_hide_values)
class ImageResult:
    """
    Attributes:
        id (UUID):
        result (AlgorithmOutput | float): A number in the oldest algorithms, an object in Face Metrics 2.0, an object
            with `error` when the algorithm failed.
        is_ok (bool): Whether the algorithm succeeded.
        image_id (UUID):
        algorithm_version_id (int): Use algorithm_family_tech_name. Deprecated.
        creation_time (datetime.datetime):
        application_id (UUID):
        application_name (str):
        application_description (str):
        application_run_id (UUID):
        image_type (str):
        algorithm_family_tech_name (str): For example selfie_v2.acne.
    """

    id: UUID
    result: AlgorithmOutput | float
    is_ok: bool
    image_id: UUID
    algorithm_version_id: int
    creation_time: datetime.datetime
    application_id: UUID
    application_name: str
    application_description: str
    application_run_id: UUID
    image_type: str
    algorithm_family_tech_name: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        from ..models.algorithm_output import AlgorithmOutput  # noqa: PLC0415

        id = str(self.id)

        result: dict[str, Any] | float
        if isinstance(self.result, AlgorithmOutput):
            result = self.result.to_dict()
        else:
            result = self.result

        is_ok = self.is_ok

        image_id = str(self.image_id)

        algorithm_version_id = self.algorithm_version_id

        creation_time = _format_datetime(self.creation_time)

        application_id = str(self.application_id)

        application_name = self.application_name

        application_description = self.application_description

        application_run_id = str(self.application_run_id)

        image_type = self.image_type

        algorithm_family_tech_name = self.algorithm_family_tech_name

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "id": id,
                "result": result,
                "is_ok": is_ok,
                "image_id": image_id,
                "algorithm_version_id": algorithm_version_id,
                "creation_time": creation_time,
                "application_id": application_id,
                "application_name": application_name,
                "application_description": application_description,
                "application_run_id": application_run_id,
                "image_type": image_type,
                "algorithm_family_tech_name": algorithm_family_tech_name,
            }
        )

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.algorithm_output import AlgorithmOutput  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("ImageResult", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "id"
            id = UUID(__d.pop("id"))

            __field = "result"

            def _parse_result(data: object) -> AlgorithmOutput | float:
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    result_type_0 = AlgorithmOutput.from_dict(data)

                    return result_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(AlgorithmOutput | float, data)

            result = _parse_result(__d.pop("result"))

            __field = "is_ok"
            is_ok = __d.pop("is_ok")

            __field = "image_id"
            image_id = UUID(__d.pop("image_id"))

            __field = "algorithm_version_id"
            algorithm_version_id = __d.pop("algorithm_version_id")

            __field = "creation_time"
            creation_time = _parse_datetime(__d.pop("creation_time"))

            __field = "application_id"
            application_id = UUID(__d.pop("application_id"))

            __field = "application_name"
            application_name = __d.pop("application_name")

            __field = "application_description"
            application_description = __d.pop("application_description")

            __field = "application_run_id"
            application_run_id = UUID(__d.pop("application_run_id"))

            __field = "image_type"
            image_type = __d.pop("image_type")

            __field = "algorithm_family_tech_name"
            algorithm_family_tech_name = __d.pop("algorithm_family_tech_name")

            __model = cls(
                id=id,
                result=result,
                is_ok=is_ok,
                image_id=image_id,
                algorithm_version_id=algorithm_version_id,
                creation_time=creation_time,
                application_id=application_id,
                application_name=application_name,
                application_description=application_description,
                application_run_id=application_run_id,
                image_type=image_type,
                algorithm_family_tech_name=algorithm_family_tech_name,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("ImageResult", __field, __error) from None
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
