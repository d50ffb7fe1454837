"""The page about changes of the Swagger shows what its commands really print."""

from __future__ import annotations

import pytest

from tests.spec import worked_example
from tests.spec.project import Project


@pytest.mark.slow
def test_the_page_is_what_its_commands_print(project: Project) -> None:
    text = worked_example.PAGE.read_text("utf-8")
    again = worked_example.page(project, text)
    assert again == text, "`python -m tests.spec.worked_example` writes it anew"
