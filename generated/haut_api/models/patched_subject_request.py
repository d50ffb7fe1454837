from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import UNSET, Unset
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

T = TypeVar("T", bound="PatchedSubjectRequest")


@_attrs_define(field_transformer=_hide_values)
class PatchedSubjectRequest:
    """
    Attributes:
        name (str | Unset):
        birth_date (datetime.date | None | Unset): subject birth date
        biological_sex (None | str | Unset): subject biological sex id
        meta (Any | Unset): subject meta data
    """

    name: str | Unset = UNSET
    birth_date: datetime.date | None | Unset = UNSET
    biological_sex: None | str | Unset = UNSET
    meta: Any | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        birth_date: None | str | Unset
        if isinstance(self.birth_date, Unset):
            birth_date = UNSET
        elif isinstance(self.birth_date, datetime.date):
            birth_date = self.birth_date.isoformat()
        else:
            birth_date = self.birth_date

        biological_sex: None | str | Unset
        if isinstance(self.biological_sex, Unset):
            biological_sex = UNSET
        else:
            biological_sex = self.biological_sex

        meta = self.meta

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update({})
        if name is not UNSET:
            __field_dict["name"] = name
        if birth_date is not UNSET:
            __field_dict["birth_date"] = birth_date
        if biological_sex is not UNSET:
            __field_dict["biological_sex"] = biological_sex
        if meta is not UNSET:
            __field_dict["meta"] = meta

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError(
                "PatchedSubjectRequest", "(body)", "is not a JSON object"
            )
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "name"
            name = __d.pop("name", UNSET)

            __field = "birth_date"

            def _parse_birth_date(data: object) -> datetime.date | None | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                try:
                    if not isinstance(data, str):
                        raise TypeError()
                    birth_date_type_0 = datetime.date.fromisoformat(data)

                    return birth_date_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(datetime.date | None | Unset, data)

            birth_date = _parse_birth_date(__d.pop("birth_date", UNSET))

            __field = "biological_sex"

            def _parse_biological_sex(data: object) -> None | str | Unset:
                if data is None:
                    return data
                if isinstance(data, Unset):
                    return data
                return cast(None | str | Unset, data)

            biological_sex = _parse_biological_sex(__d.pop("biological_sex", UNSET))

            __field = "meta"
            meta = __d.pop("meta", UNSET)

            __model = cls(
                name=name,
                birth_date=birth_date,
                biological_sex=biological_sex,
                meta=meta,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("PatchedSubjectRequest", __field, __error) from None
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
