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
    from ..models.biological_sex import BiologicalSex
    from ..models.company_reference import CompanyReference
    from ..models.dataset_reference import DatasetReference


T = TypeVar("T", bound="Subject")


@_attrs_define(field_transformer=_hide_values)
class Subject:
    """
    Attributes:
        name (str):
        birth_date (datetime.date | None):
        biological_sex (BiologicalSex | None):
        meta (Any):
        id (UUID):
        author_id (int | None): Id of the user who created the subject.
        creation_time (datetime.datetime):
        company (CompanyReference):
        dataset (DatasetReference):
        promote_image_id (None | UUID):
    """

    name: str
    birth_date: datetime.date | None
    biological_sex: BiologicalSex | None
    meta: Any
    id: UUID
    author_id: int | None
    creation_time: datetime.datetime
    company: CompanyReference
    dataset: DatasetReference
    promote_image_id: None | UUID
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        from ..models.biological_sex import BiologicalSex  # noqa: PLC0415

        name = self.name

        birth_date: None | str
        if isinstance(self.birth_date, datetime.date):
            birth_date = self.birth_date.isoformat()
        else:
            birth_date = self.birth_date

        biological_sex: dict[str, Any] | None
        if isinstance(self.biological_sex, BiologicalSex):
            biological_sex = self.biological_sex.to_dict()
        else:
            biological_sex = self.biological_sex

        meta = self.meta

        id = str(self.id)

        author_id: int | None
        author_id = self.author_id

        creation_time = _format_datetime(self.creation_time)

        company = self.company.to_dict()

        dataset = self.dataset.to_dict()

        promote_image_id: None | str
        if isinstance(self.promote_image_id, UUID):
            promote_image_id = str(self.promote_image_id)
        else:
            promote_image_id = self.promote_image_id

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "name": name,
                "birth_date": birth_date,
                "biological_sex": biological_sex,
                "meta": meta,
                "id": id,
                "author_id": author_id,
                "creation_time": creation_time,
                "company": company,
                "dataset": dataset,
                "promote_image_id": promote_image_id,
            }
        )

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.biological_sex import BiologicalSex  # noqa: PLC0415
        from ..models.company_reference import CompanyReference  # noqa: PLC0415
        from ..models.dataset_reference import DatasetReference  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("Subject", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "name"
            name = __d.pop("name")

            __field = "birth_date"

            def _parse_birth_date(data: object) -> datetime.date | None:
                if data is None:
                    return data
                try:
                    if not isinstance(data, str):
                        raise TypeError()
                    birth_date_type_0 = datetime.date.fromisoformat(data)

                    return birth_date_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(datetime.date | None, data)

            birth_date = _parse_birth_date(__d.pop("birth_date"))

            __field = "biological_sex"

            def _parse_biological_sex(data: object) -> BiologicalSex | None:
                if data is None:
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    biological_sex_type_0 = BiologicalSex.from_dict(data)

                    return biological_sex_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(BiologicalSex | None, data)

            biological_sex = _parse_biological_sex(__d.pop("biological_sex"))

            __field = "meta"
            meta = __d.pop("meta")

            __field = "id"
            id = UUID(__d.pop("id"))

            __field = "author_id"

            def _parse_author_id(data: object) -> int | None:
                if data is None:
                    return data
                return cast(int | None, data)

            author_id = _parse_author_id(__d.pop("author_id"))

            __field = "creation_time"
            creation_time = _parse_datetime(__d.pop("creation_time"))

            __field = "company"
            company = CompanyReference.from_dict(__d.pop("company"))

            __field = "dataset"
            dataset = DatasetReference.from_dict(__d.pop("dataset"))

            __field = "promote_image_id"

            def _parse_promote_image_id(data: object) -> None | UUID:
                if data is None:
                    return data
                try:
                    if not isinstance(data, str):
                        raise TypeError()
                    promote_image_id_type_0 = UUID(data)

                    return promote_image_id_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(None | UUID, data)

            promote_image_id = _parse_promote_image_id(__d.pop("promote_image_id"))

            __model = cls(
                name=name,
                birth_date=birth_date,
                biological_sex=biological_sex,
                meta=meta,
                id=id,
                author_id=author_id,
                creation_time=creation_time,
                company=company,
                dataset=dataset,
                promote_image_id=promote_image_id,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("Subject", __field, __error) from None
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
