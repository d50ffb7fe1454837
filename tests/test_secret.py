"""Only `reveal` returns the text of a secret."""

from __future__ import annotations

import copy
import json
import pickle
import pprint
from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen
from rich.pretty import pretty_repr

from haut_ext.secret import Secret

TEXT = "the-text"


@frozen
class Holder:
    secret: Secret


@pytest.mark.parametrize("show", [repr, str, format, ascii, pprint.pformat, pretty_repr])
def test_secret_is_not_printed(show: Callable[[Any], str]) -> None:
    secret = Secret(TEXT)
    for value in (secret, [secret], {"a": secret}, (secret,), Holder(secret)):
        if show is not format or value is secret:
            assert TEXT not in show(value)
    assert not hasattr(secret, "__dict__")
    assert secret.reveal() == TEXT


@pytest.mark.parametrize("serialize", [pickle.dumps, copy.deepcopy, json.dumps])
def test_secret_cannot_be_serialized(serialize: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError) as caught:
        serialize({"a": Secret(TEXT)})
    assert TEXT not in str(caught.value)


def test_secrets_are_compared_by_their_text() -> None:
    assert Secret(TEXT) == Secret(TEXT)
    assert len({Secret(TEXT), Secret(TEXT), Secret("другой")}) == 2
    assert Secret(TEXT) != TEXT
