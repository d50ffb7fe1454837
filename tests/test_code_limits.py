"""Tests of scripts/code_limits.py, which limits the size of functions, classes and the package."""

from __future__ import annotations

import ast

import pytest

from scripts import code_limits


def names_above_the_limits(source: str) -> list[str]:
    return [name for name, _ in code_limits.check_sizes(ast.parse(source))]


def test_code_lines_exclude_docstrings_comments_and_blank_lines() -> None:
    source = '''"""Docstring
of two lines."""

# comment
def function():
    """Docstring."""
    return [  # comment

        "not a docstring",
    ]
'''
    assert code_limits.code_lines(source) == 4


@pytest.mark.parametrize(("statements", "found"), [(49, []), (50, ["function"])])
def test_function_of_more_than_50_lines_is_found(statements: int, found: list[str]) -> None:
    source = "def function():\n" + '    """Docstring."""\n' + "    pass\n" * statements
    assert names_above_the_limits(source) == found


@pytest.mark.parametrize(
    ("header", "count", "found"),
    [
        ("@define\nclass Fields:", 10, []),
        ("@define\nclass Fields:", 11, ["Fields"]),
        ("@frozen\nclass Fields:", 11, []),
        ("@dataclass(frozen=True)\nclass Fields:", 11, []),
        ("class Fields(NamedTuple):", 11, []),
    ],
)
def test_mutable_class_of_more_than_ten_fields_is_found(
    header: str, count: int, found: list[str]
) -> None:
    fields = "".join(f"    field_{number}: int\n" for number in range(count))
    assert names_above_the_limits(f"{header}\n{fields}") == found


def test_attributes_set_in_methods_are_counted() -> None:
    statements = "".join(f"        self.field_{number} = 1\n" for number in range(11))
    source = f"class Fields:\n    def change(self):\n{statements}"
    assert names_above_the_limits(source) == ["Fields"]
    assert names_above_the_limits(source.replace("change", "__init__")) == []
