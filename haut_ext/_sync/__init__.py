# Derived from haut_ext/_async/__init__.py by `make sync`; change that file instead.
"""Synchronous client, derived by `make sync`."""
