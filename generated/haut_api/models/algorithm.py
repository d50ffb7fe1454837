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
    from ..models.algorithm_family import AlgorithmFamily


T = TypeVar("T", bound="Algorithm")


@_attrs_define(field_transformer=_hide_values)
class Algorithm:
    """
    Attributes:
        id (int):
        tech_name (str | Unset):
        algorithm_tech_name (str | Unset):
        version (Any | Unset):
        algorithm_family (AlgorithmFamily | Unset):
    """

    id: int
    tech_name: str | Unset = UNSET
    algorithm_tech_name: str | Unset = UNSET
    version: Any | Unset = UNSET
    algorithm_family: AlgorithmFamily | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        tech_name = self.tech_name

        algorithm_tech_name = self.algorithm_tech_name

        version = self.version

        algorithm_family: dict[str, Any] | Unset = UNSET
        if not isinstance(self.algorithm_family, Unset):
            algorithm_family = self.algorithm_family.to_dict()

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "id": id,
            }
        )
        if tech_name is not UNSET:
            __field_dict["tech_name"] = tech_name
        if algorithm_tech_name is not UNSET:
            __field_dict["algorithm_tech_name"] = algorithm_tech_name
        if version is not UNSET:
            __field_dict["version"] = version
        if algorithm_family is not UNSET:
            __field_dict["algorithm_family"] = algorithm_family

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.algorithm_family import AlgorithmFamily  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("Algorithm", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "id"
            id = __d.pop("id")

            __field = "tech_name"
            tech_name = __d.pop("tech_name", UNSET)

            __field = "algorithm_tech_name"
            algorithm_tech_name = __d.pop("algorithm_tech_name", UNSET)

            __field = "version"
            version = __d.pop("version", UNSET)

            __field = "algorithm_family"
            _algorithm_family = __d.pop("algorithm_family", UNSET)
            algorithm_family: AlgorithmFamily | Unset
            if isinstance(_algorithm_family, Unset):
                algorithm_family = UNSET
            else:
                algorithm_family = AlgorithmFamily.from_dict(_algorithm_family)

            __model = cls(
                id=id,
                tech_name=tech_name,
                algorithm_tech_name=algorithm_tech_name,
                version=version,
                algorithm_family=algorithm_family,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("Algorithm", __field, __error) from None
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
