"""Which operations a path has: one table, looked up by the path's shape.

A path's shape is the path with each id replaced by its kind, so that finding a route costs one pass
over the path, however many routes there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Routes = Mapping[str, Mapping[str, str]]
"""Operation ids by method, by path; `{name}` stands for a UUID, `{name:integer}` for a number."""

_ID = re.compile(r"(?<=/)(?:([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})|([0-9]+))(?=/)")
_KINDS = {1: "{uuid}", 2: "{integer}"}  # by the group that matched
_PARAMETER = re.compile(r"{(\w+)(?::(\w+))?}")


@dataclass(frozen=True, slots=True)
class _Route:
    methods: dict[str, str]
    names: list[str]


class Router:
    """All routes."""

    def __init__(self, tables: Iterable[Routes]) -> None:
        self._routes: dict[str, _Route] = {}
        for table in tables:
            for path, methods in table.items():
                shape = _PARAMETER.sub(lambda found: f"{{{found[2] or 'uuid'}}}", path)
                names = [found[1] for found in _PARAMETER.finditer(path)]
                self._routes[shape] = _Route(dict(methods), names)

    def find(self, path: str) -> tuple[dict[str, str], dict[str, str]] | None:
        """The operation ids by method, and the ids by name; None if there is no such path."""
        ids: list[str] = []

        def kind(found: re.Match[str]) -> str:
            ids.append(found[0].lower())
            return _KINDS[found.lastindex or 0]

        route = self._routes.get(_ID.sub(kind, path))
        # Fewer ids than names: a path that was sent with a kind in an id's place.
        if route is None or len(ids) != len(route.names):
            return None
        return route.methods, dict(zip(route.names, ids, strict=True))
