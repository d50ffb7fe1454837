from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..errors import as_list as _as_list
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

if TYPE_CHECKING:
    from ..models.batch_image import BatchImage


T = TypeVar("T", bound="PaginatedBatchImageList")


@_attrs_define(field_transformer=_hide_values)
class PaginatedBatchImageList:
    """
    Attributes:
        count (int):
        next_ (None | str):
        previous (None | str):
        results (list[BatchImage]):
    """

    count: int
    next_: None | str
    previous: None | str
    results: list[BatchImage]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        count = self.count

        next_: None | str
        next_ = self.next_

        previous: None | str
        previous = self.previous

        results = []
        for results_item_data in self.results:
            results_item = results_item_data.to_dict()
            results.append(results_item)

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "count": count,
                "next": next_,
                "previous": previous,
                "results": results,
            }
        )

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.batch_image import BatchImage  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError(
                "PaginatedBatchImageList", "(body)", "is not a JSON object"
            )
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "count"
            count = __d.pop("count")

            __field = "next"

            def _parse_next_(data: object) -> None | str:
                if data is None:
                    return data
                return cast(None | str, data)

            next_ = _parse_next_(__d.pop("next"))

            __field = "previous"

            def _parse_previous(data: object) -> None | str:
                if data is None:
                    return data
                return cast(None | str, data)

            previous = _parse_previous(__d.pop("previous"))

            __field = "results"
            _results = _as_list(__d.pop("results"))
            results = []
            try:
                for results_item_data in _results:
                    results_item = BatchImage.from_dict(results_item_data)

                    results.append(results_item)
            except _READ_FAILURES as __error:
                raise _DecodeError.at("list", len(results), __error) from None

            __model = cls(
                count=count,
                next_=next_,
                previous=previous,
                results=results,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("PaginatedBatchImageList", __field, __error) from None
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
