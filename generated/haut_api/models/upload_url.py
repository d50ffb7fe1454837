from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

if TYPE_CHECKING:
    from ..models.upload_url_headers import UploadUrlHeaders


T = TypeVar("T", bound="UploadUrl")


@_attrs_define(field_transformer=_hide_values)
class UploadUrl:
    """
    Attributes:
        url (str): the URL where to upload your image
        method (str): HTTP method that you should use for upload (PUT by default)
        headers (None | UploadUrlHeaders): required headers to make an upload request
        content_type (None | str):
    """

    url: str
    method: str
    headers: None | UploadUrlHeaders
    content_type: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        from ..models.upload_url_headers import UploadUrlHeaders  # noqa: PLC0415

        url = self.url

        method = self.method

        headers: dict[str, Any] | None
        if isinstance(self.headers, UploadUrlHeaders):
            headers = self.headers.to_dict()
        else:
            headers = self.headers

        content_type: None | str
        content_type = self.content_type

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "url": url,
                "method": method,
                "headers": headers,
                "content_type": content_type,
            }
        )

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.upload_url_headers import UploadUrlHeaders  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("UploadUrl", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "url"
            url = __d.pop("url")

            __field = "method"
            method = __d.pop("method")

            __field = "headers"

            def _parse_headers(data: object) -> None | UploadUrlHeaders:
                if data is None:
                    return data
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    headers_type_0 = UploadUrlHeaders.from_dict(data)

                    return headers_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(None | UploadUrlHeaders, data)

            headers = _parse_headers(__d.pop("headers"))

            __field = "content_type"

            def _parse_content_type(data: object) -> None | str:
                if data is None:
                    return data
                return cast(None | str, data)

            content_type = _parse_content_type(__d.pop("content_type"))

            __model = cls(
                url=url,
                method=method,
                headers=headers,
                content_type=content_type,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("UploadUrl", __field, __error) from None
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
