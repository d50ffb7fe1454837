# Derived from haut_ext/_async/resources/__init__.py by `make sync`; change that file instead.
"""Resource classes of the client, such as subjects and images."""
