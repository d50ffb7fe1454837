# Derived from tests/_async/__init__.py by `make sync`; change that file instead.
"""Tests of the synchronous client, derived by `make sync`."""
