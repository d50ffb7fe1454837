"""Check the size limits of functions, classes and the package haut_ext, as part of `make check`.

A function has at most 50 lines, and a class at most ten mutable fields. pyproject.toml limits the
number of lines of code of the clients (haut_ext without sandbox, bulk, cli, spec_check and derived
files), and of the tools that process the specification. Ruff has no rules for these limits.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKED = ("haut_ext", "scripts", "tests", "examples", "benchmarks")
NOT_IN_CLIENTS = {"sandbox", "bulk", "cli", "spec_check"}
SPEC_TOOLS = ("scripts/spec", "scripts/generate.py", "scripts/lint_spec.py", "haut_ext/spec_check")

MAX_FUNCTION_LINES = 50
MAX_MUTABLE_FIELDS = 10

NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def main() -> int:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["haut-ext"]
    errors = [
        f"{path.relative_to(ROOT)}:{problem}"
        for folder in CHECKED
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not is_derived(path)
        for _, problem in check_sizes(ast.parse(path.read_text("utf-8")))
    ]
    for part, files in {"clients": client_files(), "spec-tools": spec_tool_files()}.items():
        count = sum(code_lines(path.read_text("utf-8")) for path in files)
        limit = settings["max-code-lines"][part]
        if count > limit:
            errors.append(
                f"{part}: {count:,} lines of code; the limit is {limit:,}. Remove code, or raise the "
                "limit in pyproject.toml in a commit of its own whose message states the reason."
            )
    print("\n".join(errors), end="\n" if errors else "")
    return 1 if errors else 0


def is_derived(path: Path) -> bool:
    """Return whether `make sync` derives the file: all files of `_sync` except `connections.py`."""
    return "_sync" in path.parts and path.name != "connections.py"


def client_files() -> list[Path]:
    """Return the files of haut_ext, except derived files and packages that the clients do not import."""
    package = ROOT / "haut_ext"
    return [
        path
        for path in package.rglob("*.py")
        if path.relative_to(package).parts[0] not in NOT_IN_CLIENTS and not is_derived(path)
    ]


def spec_tool_files() -> list[Path]:
    """Return the files that read, compare and generate from OpenAPI documents."""
    paths = [ROOT / name for name in SPEC_TOOLS]
    return [file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))]


def code_lines(source: str) -> int:
    """Return the number of code lines in a source text, without docstrings, comments and blank lines."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str()), end_lineno=int(end)):
                lines.difference_update(range(node.lineno, end + 1))
    return len(lines)


def check_sizes(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the name and a description of each function or class that exceeds its size limit.

    The description begins with the line number. The docstrings of functions are not counted.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            count = (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)
            if count > MAX_FUNCTION_LINES:
                problem = (
                    f"function {node.name} has {count} lines; the limit is {MAX_FUNCTION_LINES}"
                )
                yield node.name, f"{node.lineno}: {problem}"
        elif isinstance(node, ast.ClassDef) and not is_immutable(node):
            fields = mutable_fields(node)
            if len(fields) > MAX_MUTABLE_FIELDS:
                problem = f"class {node.name} has {len(fields)} mutable fields: "
                problem += f"{', '.join(sorted(fields))}; the limit is {MAX_MUTABLE_FIELDS}"
                yield node.name, f"{node.lineno}: {problem}"


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of lines of a function's docstring."""
    first = node.body[0]
    return (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node) else 0


def is_immutable(node: ast.ClassDef) -> bool:
    """Return whether the class is immutable: a frozen class, an enum or a named tuple.

    Protocols and typed dictionaries also count as immutable, because they only describe other objects.
    """
    header = " ".join(map(ast.unparse, (*node.decorator_list, *node.bases)))
    words = ("frozen", "Enum", "NamedTuple", "Protocol", "TypedDict")
    return any(word in header for word in words) and "frozen=False" not in header


def mutable_fields(node: ast.ClassDef) -> set[str]:
    """Return the fields that a class declares with attrs, or sets in methods other than `__init__`."""
    fields: set[str] = set()
    if any(
        "define" in name or "dataclass" in name for name in map(ast.unparse, node.decorator_list)
    ):
        for statement in node.body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name)) if "ClassVar" not in ast.unparse(
                    statement.annotation
                ):
                    fields.add(name)
    methods = [part for part in node.body if getattr(part, "name", "__init__") != "__init__"]
    for method in methods:
        for part in ast.walk(method):
            match part:
                case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                    fields.add(name)
    return fields


if __name__ == "__main__":
    sys.exit(main())
