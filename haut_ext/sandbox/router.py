"""Finds the API operations that match a URL path.

The routes are stored in a dictionary whose keys are paths with every id replaced by its kind, such
as "/images/{uuid}/". A lookup therefore takes the same time for any number of routes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Routes = Mapping[str, Mapping[str, str]]
"""Operation ids by path and HTTP method.

In a path, `{name}` matches a UUID and `{name:integer}` a number.
"""

_ID = re.compile(r"(?<=/)(?:([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})|([0-9]+))(?=/)")
_KINDS = {1: "{uuid}", 2: "{integer}"}  # keys are the numbers of regex groups in _ID
_PARAMETER = re.compile(r"{(\w+)(?::(\w+))?}")


@dataclass(frozen=True, slots=True)
class _Route:
    methods: dict[str, str]
    names: list[str]


class Router:
    """Routing table: finds operations by path."""

    def __init__(self, tables: Iterable[Routes]) -> None:
        self._routes: dict[str, _Route] = {}
        for table in tables:
            for path, methods in table.items():
                pattern = _PARAMETER.sub(lambda match: f"{{{match[2] or 'uuid'}}}", path)
                names = [match[1] for match in _PARAMETER.finditer(path)]
                self._routes[pattern] = _Route(dict(methods), names)

    def find(self, path: str) -> tuple[dict[str, str], dict[str, str]] | None:
        """Return a path's operation ids by HTTP method, and the ids in the path by name.

        Return None if the path does not exist.
        """
        ids: list[str] = []

        def replace_id(match: re.Match[str]) -> str:
            ids.append(match[0].lower())
            return _KINDS[match.lastindex or 0]

        route = self._routes.get(_ID.sub(replace_id, path))
        # A path that literally contains "{uuid}" or "{integer}" has fewer ids than the route has
        # parameter names.
        if route is None or len(ids) != len(route.names):
            return None
        return route.methods, dict(zip(route.names, ids, strict=True))
