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
    from ..models.area_result_debug_metrics import AreaResultDebugMetrics
    from ..models.skin_metric import SkinMetric
    from ..models.sub_metric_values import SubMetricValues


T = TypeVar("T", bound="AreaResult")


@_attrs_define(field_transformer=_hide_values)
class AreaResult:
    """
    Attributes:
        area_name (str): For example face, forehead, right_cheek.
        main_metric (None | SkinMetric | Unset):
        sub_metrics (list[SkinMetric] | None | SubMetricValues | Unset): A list of metrics; from quality in 2022, values
            by name.
        debug_metrics (AreaResultDebugMetrics | None | Unset):
    """

    area_name: str
    main_metric: None | SkinMetric | Unset = UNSET
    sub_metrics: list[SkinMetric] | None | SubMetricValues | Unset = UNSET
    debug_metrics: AreaResultDebugMetrics | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        from ..models.area_result_debug_metrics import AreaResultDebugMetrics  # noqa: PLC0415
        from ..models.skin_metric import SkinMetric  # noqa: PLC0415
        from ..models.sub_metric_values import SubMetricValues  # noqa: PLC0415

        area_name = self.area_name

        main_metric: dict[str, Any] | None | Unset
        if isinstance(self.main_metric, Unset):
            main_metric = UNSET
        elif isinstance(self.main_metric, SkinMetric):
            main_metric = self.main_metric.to_dict()
        else:
            main_metric = self.main_metric

        sub_metrics: dict[str, Any] | list[dict[str, Any]] | None | Unset
        if isinstance(self.sub_metrics, Unset):
            sub_metrics = UNSET
        elif isinstance(self.sub_metrics, list):
            sub_metrics = []
            for sub_metrics_type_0_item_data in self.sub_metrics:
                sub_metrics_type_0_item = sub_metrics_type_0_item_data.to_dict()
                sub_metrics.append(sub_metrics_type_0_item)

        elif isinstance(self.sub_metrics, SubMetricValues):
            sub_metrics = self.sub_metrics.to_dict()
        else:
            sub_metrics = self.sub_metrics

        debug_metrics: dict[str, Any] | None | Unset
        if isinstance(self.debug_metrics, Unset):
            debug_metrics = UNSET
        elif isinstance(self.debug_metrics, AreaResultDebugMetrics):
            debug_metrics = self.debug_metrics.to_dict()
        else:
            debug_metrics = self.debug_metrics

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "area_name": area_name,
            }
        )
        if main_metric is not UNSET:
            __field_dict["main_metric"] = main_metric
        if sub_metrics is not UNSET:
            __field_dict["sub_metrics"] = sub_metrics
        if debug_metrics is not UNSET:
            __field_dict["debug_metrics"] = debug_metrics

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.area_result_debug_metrics import AreaResultDebugMetrics  # noqa: PLC0415
        from ..models.skin_metric import SkinMetric  # noqa: PLC0415
        from ..models.sub_metric_values import SubMetricValues  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("AreaResult", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "area_name"
            area_name = __d.pop("area_name")

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

            main_metric = _parse_main_metric(__d.pop("main_metric", UNSET))

            __field = "sub_metrics"

            def _parse_sub_metrics(
                data: object,
            ) -> list[SkinMetric] | None | SubMetricValues | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, list):
                        raise TypeError()
                    _sub_metrics_type_0 = _as_list(data)
                    sub_metrics_type_0 = []
                    try:
                        for sub_metrics_type_0_item_data in _sub_metrics_type_0:
                            sub_metrics_type_0_item = SkinMetric.from_dict(
                                sub_metrics_type_0_item_data
                            )

                            sub_metrics_type_0.append(sub_metrics_type_0_item)
                    except _READ_FAILURES as __error:
                        raise _DecodeError.at(
                            "list", len(sub_metrics_type_0), __error
                        ) from None

                    return sub_metrics_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    sub_metrics_type_1 = SubMetricValues.from_dict(data)

                    return sub_metrics_type_1
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(list[SkinMetric] | None | SubMetricValues | Unset, data)

            sub_metrics = _parse_sub_metrics(__d.pop("sub_metrics", UNSET))

            __field = "debug_metrics"

            def _parse_debug_metrics(
                data: object,
            ) -> AreaResultDebugMetrics | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    debug_metrics_type_0 = AreaResultDebugMetrics.from_dict(data)

                    return debug_metrics_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(AreaResultDebugMetrics | None | Unset, data)

            debug_metrics = _parse_debug_metrics(__d.pop("debug_metrics", UNSET))

            __model = cls(
                area_name=area_name,
                main_metric=main_metric,
                sub_metrics=sub_metrics,
                debug_metrics=debug_metrics,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("AreaResult", __field, __error) from None
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
