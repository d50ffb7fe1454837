"""Holds and resets all state of the sandbox: database, tokens, analyses and clock."""

from __future__ import annotations

import random

from haut_ext.algorithm_families import Era

from .analyses import Analyses
from .authentication import Authentication
from .clock import Clock
from .database import Database


class State:
    """State shared by the API and storage services. Hold `database.lock` while changing it.

    Args:
        seed: Makes ids, tokens and passwords reproducible. They are random if it is None.
        clock: Clock of the sandbox.
        analysis_reads: See `Analyses`.
        analysis_seconds: See `Analyses`.
        results_era: See `Analyses`.
        token_seconds: Lifetime of an access token.
    """

    def __init__(
        self,
        *,
        seed: int | None,
        clock: Clock,
        analysis_reads: int,
        analysis_seconds: float | None,
        results_era: Era,
        token_seconds: float,
    ) -> None:
        # If no seed is given, keep a random one, so that a reset restores the same credentials.
        self._seed = random.SystemRandom().getrandbits(64) if seed is None else seed
        generator = random.Random(self._seed)
        self.clock = clock
        self.database = Database(clock, generator)
        self.signing_secret = generator.randbytes(30).hex()
        self.authentication = Authentication(clock, token_seconds, generator.getrandbits(128))
        self.analyses = Analyses(
            self.database,
            clock,
            reads=analysis_reads,
            seconds=analysis_seconds,
            era=results_era,
        )

    def reset(self) -> None:
        """Reset the sandbox to its initial state, with the same credentials."""
        with self.database.lock:
            generator = random.Random(self._seed)
            self.clock.reset()
            self.database.reset(generator)
            self.signing_secret = generator.randbytes(30).hex()
            self.authentication.reset(generator.getrandbits(128))
            self.analyses.reset()
