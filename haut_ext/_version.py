"""The version of this package, known without its metadata; a test holds it to pyproject.toml."""

__version__ = "0.1.0"
