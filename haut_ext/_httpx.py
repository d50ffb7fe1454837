"""The HTTP library: the only module that names it. `make test-httpx2` replaces it in a copy."""

import httpx as httpx
