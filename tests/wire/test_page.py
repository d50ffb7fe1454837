"""Tests that docs/reliability.md describes the behavior that the tests check."""

from __future__ import annotations

from haut_ext import Haut
from haut_ext._http.retry_policy import INITIAL_BACKOFF, MAX_BACKOFF
from haut_ext.settings import Options
from tests.wire.table import PAGE, render_table, split_page


def test_page_contains_the_conformance_table() -> None:
    assert split_page()[1] == render_table(), "run `python -m tests.wire.table`"


def test_page_states_the_default_options() -> None:
    text = PAGE.read_text("utf-8")
    options = Options()
    assert f"{options.deadline_for(to_api=True):g} s for a call of the API" in text
    assert f"{options.deadline_for(to_api=False):g} s for the transfer of one photo" in text
    assert f"`max_retries` ({options.max_retries}" in text
    assert f"`max_retry_after` ({options.max_retry_after:g} s" in text
    timeout = options.timeout
    assert f"connect {timeout.connect:g} s, read, write and pool {timeout.read:g} s" in text
    assert timeout.read == timeout.write == timeout.pool
    assert f"{INITIAL_BACKOFF} s" in text
    assert f"{MAX_BACKOFF:g} s" in text
    with Haut(token="t", company_id="00000000-0000-4000-8000-000000000000") as haut:
        assert haut.options == options
