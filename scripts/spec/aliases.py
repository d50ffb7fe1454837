"""Keep deprecated aliases of renamed operations and models in haut_api, for one minor release.

`make refresh` adds an entry to `aliases` in openapi/names.yaml for each name that changes. `make
generate` writes the aliases. The use of an alias raises a DeprecationWarning.
"""

from __future__ import annotations

import re
from pathlib import Path

from openapi_python_client.strings import PythonIdentifier

from haut_ext.spec_check.comparison import path_shape
from scripts.spec.document import Json, Operation, operations
from scripts.spec.names import matched_schemas

_NAME = re.compile(r"^(?:async )?def (\w+)", re.MULTILINE)


def renamed(old: Json, new: Json) -> dict[str, str]:
    """Map the old name to the new one, for each renamed operation and schema of two contracts.

    Operations are named by section and name, such as `subjects.create_subject`.
    """
    before, after = (
        {path_shape(found.key): _module(found) for found in operations(document)}
        for document in (old, new)
    )
    names = {name: after[key] for key, name in before.items() if key in after}
    taken = new.get("components", {}).get("schemas", {}).keys()
    schemas: dict[str, list[str]] = {}
    for name, now in matched_schemas(old, new):
        schemas.setdefault(name, []).append(now)
    names |= {
        name: found[0]
        for name, found in schemas.items()
        if name not in taken and len(set(found)) == 1
    }
    return {name: now for name, now in names.items() if name != now}


def _module(operation: Operation) -> str:
    section = PythonIdentifier(operation.section, "tag")
    return f"{section}.{PythonIdentifier(operation.id, 'field_')}"


def write_aliases(package: Path, aliases: dict[str, list[str]], version: str) -> None:
    """Write the aliases that a version still contains to a generated package.

    Args:
        package: The folder of the package.
        aliases: For each old name, the new name and the version that removes the alias.
        version: The version of the package.
    """
    kept = {
        old: entry
        for old, entry in aliases.items()
        if version_parts(version) < version_parts(entry[1])
    }
    for old, (new, until) in kept.items():
        if "." not in old:
            continue
        section, name = old.split(".")
        source = (package / "api" / new.replace(".", "/")).with_suffix(".py").read_text("utf-8")
        imported = "".join(
            f"    {found} as {found},\n" for found in sorted(set(_NAME.findall(source)))
        )
        folder = package / "api" / section
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
        (folder / f"{name}.py").write_text(
            f'"""Deprecated alias of `{new}`, which will be removed in version {until}."""\n\n'
            "import warnings\n\n"
            f"from ..{new} import (\n{imported})\n\n"
            f"warnings.warn(\n    {_message(old, new, until)},\n    DeprecationWarning,\n"
            "    stacklevel=2,\n)\n",
            "utf-8",
        )
    models = {old: entry for old, entry in kept.items() if "." not in old}
    if models:
        _write_model_aliases(package / "models" / "__init__.py", models)


def _message(old: str, new: str, until: str) -> str:
    return f'"{old} is deprecated and will be removed in version {until}; use {new}"'


def _write_model_aliases(path: Path, models: dict[str, list[str]]) -> None:
    typed = "".join(f"    {old} = {new}\n" for old, (new, _) in models.items())
    entries = "".join(
        f"        {old!r}: ({new}, {_message(old, new, until)}),\n".replace("'", '"')
        for old, (new, until) in models.items()
    )
    text = path.read_text("utf-8").replace(
        '"""\n\n', '"""\n\nimport warnings\nfrom typing import TYPE_CHECKING\n\n', 1
    )
    path.write_text(
        f"{text}\nif TYPE_CHECKING:\n{typed}else:\n"
        f"    _ALIASES = {{\n{entries}    }}\n\n"
        "    def __getattr__(name):\n"
        "        if name not in _ALIASES:\n"
        '            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")\n'
        "        model, message = _ALIASES[name]\n"
        "        warnings.warn(message, DeprecationWarning, stacklevel=2)\n"
        "        return model\n",
        "utf-8",
    )


def version_parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
