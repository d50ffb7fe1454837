from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..errors import as_list as _as_list
from ..types import UNSET, Unset, safe_repr

if TYPE_CHECKING:
    from ..models.area_result import AreaResult


T = TypeVar("T", bound="AlgorithmOutput")


@_attrs_define
class AlgorithmOutput:
    """
    Attributes:
        algorithm_tech_name (str | Unset):
        area_results (list[AreaResult] | Unset):
        error (str | Unset): Why the algorithm failed, for example `No face detected`.
    """

    algorithm_tech_name: str | Unset = UNSET
    area_results: list[AreaResult] | Unset = UNSET
    error: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = safe_repr

    def to_dict(self) -> dict[str, Any]:
        algorithm_tech_name = self.algorithm_tech_name

        area_results: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.area_results, Unset):
            area_results = []
            for area_results_item_data in self.area_results:
                area_results_item = area_results_item_data.to_dict()
                area_results.append(area_results_item)

        error = self.error

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if algorithm_tech_name is not UNSET:
            field_dict["algorithm_tech_name"] = algorithm_tech_name
        if area_results is not UNSET:
            field_dict["area_results"] = area_results
        if error is not UNSET:
            field_dict["error"] = error

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.area_result import AreaResult  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("AlgorithmOutput", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            d = dict(src_dict)
            __field = "algorithm_tech_name"
            algorithm_tech_name = d.pop("algorithm_tech_name", UNSET)

            __field = "area_results"
            _area_results = d.pop("area_results", UNSET)
            area_results: list[AreaResult] | Unset = UNSET
            if _area_results is not UNSET:
                _area_results = _as_list(_area_results)
                area_results = []
                try:
                    for area_results_item_data in _area_results:
                        area_results_item = AreaResult.from_dict(area_results_item_data)

                        area_results.append(area_results_item)
                except _READ_FAILURES as __error:
                    raise _DecodeError.at("list", len(area_results), __error) from None

            __field = "error"
            error = d.pop("error", UNSET)

            algorithm_output = cls(
                algorithm_tech_name=algorithm_tech_name,
                area_results=area_results,
                error=error,
            )

            algorithm_output.additional_properties = d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("AlgorithmOutput", __field, __error) from None
        return algorithm_output

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
