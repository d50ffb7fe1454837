"""The page on reliability shows the very table that the tests run."""

from __future__ import annotations

from haut_ext import Haut
from haut_ext.settings import Options
from haut_ext.wire.retry import FIRST_WAIT, LONGEST_WAIT
from tests.wire.table import PAGE, rendered, shown


def test_table_is_the_tests_table() -> None:
    assert shown()[1] == rendered(), "run `python -m tests.wire.table`"


def test_numbers_are_the_codes_numbers() -> None:
    text = PAGE.read_text("utf-8")
    options = Options()
    assert f"`deadline` ({options.deadline:g} s" in text
    assert f"`transfer_deadline` ({options.transfer_deadline:g} s" in text
    assert f"`max_retries` ({options.max_retries}" in text
    assert f"`max_retry_after` ({options.max_retry_after:g} s" in text
    timeout = options.timeout
    assert f"connect {timeout.connect:g} s, read, write and pool {timeout.read:g} s" in text
    assert timeout.read == timeout.write == timeout.pool
    assert f"{FIRST_WAIT} s" in text
    assert f"{LONGEST_WAIT:g} s" in text
    with Haut(token="t", company_id="00000000-0000-4000-8000-000000000000") as haut:
        assert haut.options == options
