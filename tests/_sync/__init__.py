# Derived from tests/_async/__init__.py by `make sync`; change that file instead.
"""The synchronous face, derived from `_async` by `make sync`."""
