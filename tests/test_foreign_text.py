"""Text from the service cannot control a terminal or forge lines of a message or a log."""

from __future__ import annotations

import json
import logging
import pickle
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from attrs import evolve

from haut_ext import ApiError, ConfigError, ErasureReceipt, ErrorItem, Haut, HautError
from haut_ext.bulk import BulkReport
from haut_ext.erasure_receipt import ErasureStep
from haut_ext.export_manifest import ExportChange, ExportGap, ExportManifest
from haut_ext.sandbox import Sandbox, faults
from haut_ext.text import escape

HOSTILE = "a\nERROR forged\r\x1b[2J\x07\x9b\u202etxt.exe\u2028\u2066"


def is_harmless(text: str) -> bool:
    return text.isprintable()


def test_each_kind_of_control_character_is_escaped() -> None:
    for character in "\0\t\x1b\x7f\x85\x9b\xad\u061c\u200b\u2028\u2029\u202e\ud800\ufeff\U000e0041":
        assert is_harmless(escape(f"a{character}"))


def test_messages_of_the_service_are_escaped_in_errors(
    sandbox: Sandbox, haut: Haut, caplog: pytest.LogCaptureFixture
) -> None:
    item = {"code": HOSTILE, "detail": HOSTILE, "attr": HOSTILE}
    for body in (json.dumps({"errors": [item]}), HOSTILE):
        json_type = "application/json"
        sandbox.faults.add(
            "list_subjects", faults.status(400, body.encode(), content_type=json_type)
        )
        with caplog.at_level(logging.DEBUG), pytest.raises(ApiError) as caught:
            haut.subjects.list()
        error = caught.value
        logging.getLogger("a program").error("failed: %s", error)
        assert is_harmless(str(error))
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
        assert all(map(is_harmless, map(str, error.errors)))
    assert all(is_harmless(record.getMessage()) for record in caplog.records)


def test_path_of_a_request_is_escaped_in_errors_and_logs(
    sandbox: Sandbox, haut: Haut, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(ApiError) as caught:
        haut.request("GET", "/api/v1/a%0AERROR%20forged%1B[2J%E2%80%AE/")
    assert is_harmless(str(caught.value))
    assert caplog.records
    assert all(is_harmless(record.getMessage()) for record in caplog.records)


def test_paths_of_a_report_are_escaped() -> None:
    assert is_harmless(str(BulkReport(problems=Path(HOSTILE), summary=Path(HOSTILE))))


@pytest.mark.parametrize("kind", [HautError, ConfigError])
def test_message_of_any_error_is_escaped(kind: type[HautError]) -> None:
    assert str(kind(HOSTILE)) == escape(HOSTILE)
    assert str(ErrorItem("code", "Ein „Name“ auf Deutsch", "имя")).startswith("имя: Ein „")


def test_text_of_a_receipt_cannot_forge_lines() -> None:
    some_id, now = uuid4(), datetime.now(UTC)

    def page(text: str) -> str:
        step = ErasureStep("images", "refused", now, None, text)
        ids = (some_id, some_id, some_id)
        return str(ErasureReceipt(text, False, text, text, *ids, False, steps=(step,)))

    # An escaped text can be wrapped, but the lines that continue it are indented.
    assert page(HOSTILE) == page(escape(HOSTILE))
    assert all(map(is_harmless, page(HOSTILE).split("\n")))


def test_text_of_a_manifest_cannot_forge_lines() -> None:
    now, some_id = datetime.now(UTC), uuid4()

    def lines(text: str) -> list[str]:
        manifest = ExportManifest(text, False, text, text, some_id, some_id, some_id, now)
        gap, change = ExportGap(text, text, now), ExportChange(text, "added", now)
        return str(evolve(manifest, absent=(gap,), unknown=(gap,), changes=(change,))).split("\n")

    assert len(lines(HOSTILE)) == len(lines("x"))
    assert all(map(is_harmless, lines(HOSTILE)))
