from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..errors import as_list as _as_list
from ..types import UNSET, Unset, safe_repr

if TYPE_CHECKING:
    from ..models.skin_metric import SkinMetric


T = TypeVar("T", bound="AreaResult")


@_attrs_define
class AreaResult:
    """
    Attributes:
        area_name (str): For example face, forehead, right_cheek.
        main_metric (None | SkinMetric | Unset):
        sub_metrics (list[SkinMetric] | Unset):
    """

    area_name: str
    main_metric: None | SkinMetric | Unset = UNSET
    sub_metrics: list[SkinMetric] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = safe_repr

    def to_dict(self) -> dict[str, Any]:
        from ..models.skin_metric import SkinMetric  # noqa: PLC0415

        area_name = self.area_name

        main_metric: dict[str, Any] | None | Unset
        if isinstance(self.main_metric, Unset):
            main_metric = UNSET
        elif isinstance(self.main_metric, SkinMetric):
            main_metric = self.main_metric.to_dict()
        else:
            main_metric = self.main_metric

        sub_metrics: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.sub_metrics, Unset):
            sub_metrics = []
            for sub_metrics_item_data in self.sub_metrics:
                sub_metrics_item = sub_metrics_item_data.to_dict()
                sub_metrics.append(sub_metrics_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "area_name": area_name,
            }
        )
        if main_metric is not UNSET:
            field_dict["main_metric"] = main_metric
        if sub_metrics is not UNSET:
            field_dict["sub_metrics"] = sub_metrics

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.skin_metric import SkinMetric  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("AreaResult", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            d = dict(src_dict)
            __field = "area_name"
            area_name = d.pop("area_name")

            __field = "main_metric"

            def _parse_main_metric(data: object) -> None | SkinMetric | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    main_metric_type_0 = SkinMetric.from_dict(data)

                    return main_metric_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(None | SkinMetric | Unset, data)

            main_metric = _parse_main_metric(d.pop("main_metric", UNSET))

            __field = "sub_metrics"
            _sub_metrics = d.pop("sub_metrics", UNSET)
            sub_metrics: list[SkinMetric] | Unset = UNSET
            if _sub_metrics is not UNSET:
                _sub_metrics = _as_list(_sub_metrics)
                sub_metrics = []
                try:
                    for sub_metrics_item_data in _sub_metrics:
                        sub_metrics_item = SkinMetric.from_dict(sub_metrics_item_data)

                        sub_metrics.append(sub_metrics_item)
                except _READ_FAILURES as __error:
                    raise _DecodeError.at("list", len(sub_metrics), __error) from None

            area_result = cls(
                area_name=area_name,
                main_metric=main_metric,
                sub_metrics=sub_metrics,
            )

            area_result.additional_properties = d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("AreaResult", __field, __error) from None
        return area_result

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
