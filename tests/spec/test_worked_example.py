"""Tests of the worked example in docs/when-the-swagger-changes.md."""

from __future__ import annotations

import pytest

from tests.spec import worked_example
from tests.spec.project import Project


@pytest.mark.slow
def test_the_page_shows_the_current_output_of_its_commands(project: Project) -> None:
    text = worked_example.PAGE.read_text("utf-8")
    current = worked_example.page(project, text)
    assert current == text, "run `python -m tests.spec.worked_example` to update the page"
