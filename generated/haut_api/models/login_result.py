from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..errors import READ_FAILURES as _READ_FAILURES
from ..errors import DecodeError as _DecodeError
from ..types import hide_values as _hide_values
from ..types import safe_repr as _safe_repr

if TYPE_CHECKING:
    from ..models.user_profile import UserProfile


T = TypeVar("T", bound="LoginResult")


@_attrs_define(field_transformer=_hide_values)
class LoginResult:
    """
    Attributes:
        id (int):
        email (str):
        username (str):
        company_id (UUID):
        token_access (str): The same as access_token, under its older name.
        access_token (str): For the Authorization header; lives one hour.
        refresh_token (str): For refresh_access_token.
        is_verified (bool):
        profile (UserProfile):
    """

    id: int
    email: str
    username: str
    company_id: UUID
    token_access: str
    access_token: str
    refresh_token: str
    is_verified: bool
    profile: UserProfile
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    __repr__ = _safe_repr

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        email = self.email

        username = self.username

        company_id = str(self.company_id)

        token_access = self.token_access

        access_token = self.access_token

        refresh_token = self.refresh_token

        is_verified = self.is_verified

        profile = self.profile.to_dict()

        __field_dict: dict[str, Any] = {}
        __field_dict.update(self.additional_properties)
        __field_dict.update(
            {
                "id": id,
                "email": email,
                "username": username,
                "company_id": company_id,
                "token_access": token_access,
                "access_token": access_token,
                "refresh_token": refresh_token,
                "is_verified": is_verified,
                "profile": profile,
            }
        )

        return __field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.user_profile import UserProfile  # noqa: PLC0415

        if not isinstance(src_dict, (dict, Mapping)):
            raise _DecodeError("LoginResult", "(body)", "is not a JSON object")
        __field = "(body)"
        try:
            __d = dict(src_dict)
            __field = "id"
            id = __d.pop("id")

            __field = "email"
            email = __d.pop("email")

            __field = "username"
            username = __d.pop("username")

            __field = "company_id"
            company_id = UUID(__d.pop("company_id"))

            __field = "token_access"
            token_access = __d.pop("token_access")

            __field = "access_token"
            access_token = __d.pop("access_token")

            __field = "refresh_token"
            refresh_token = __d.pop("refresh_token")

            __field = "is_verified"
            is_verified = __d.pop("is_verified")

            __field = "profile"
            profile = UserProfile.from_dict(__d.pop("profile"))

            __model = cls(
                id=id,
                email=email,
                username=username,
                company_id=company_id,
                token_access=token_access,
                access_token=access_token,
                refresh_token=refresh_token,
                is_verified=is_verified,
                profile=profile,
            )

            __model.additional_properties = __d

        except _READ_FAILURES as __error:
            raise _DecodeError.at("LoginResult", __field, __error) from None
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
