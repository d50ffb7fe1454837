"""The package's logger: attempts at DEBUG, retries at WARNING, silent unless the program listens.

Without a handler of its own, Python would print the warnings of a program that never asked for logs.
"""

from __future__ import annotations

import logging

logger = logging.getLogger("haut_ext")
logger.addHandler(logging.NullHandler())
