# Derived from haut_ext/_async/resources/__init__.py by `make sync`; change that file instead.
"""Resources of the service, each with its methods."""
