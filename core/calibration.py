"""Learns by what factors a model's token counts differ from the first guess, one report at a time.

A Bayesian linear regression, updated report by report: every kind of text has a factor, believed to be near
1 with a known spread, and every report moves the factors of the kinds that it holds, by as much as their spread
leaves open. A report far from all expectation moves them by a bounded amount only.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, sqrt

_LOWEST, _HIGHEST = 0.25, 4.0
_RELATIVE_NOISE = 0.05
"""The part of a text's tokens by which the best factors still miss it."""

_FIXED_NOISE = 3.0
"""The same in tokens, for short texts."""

_WILD = 2.5
"""Standard deviations from the expectation beyond which a report counts no more than one at this distance."""

_DRIFT = 0.02
"""How far a factor moves from one report to the next: conversations change their subject."""


class Calibration:
    """Factors for kinds of text, and constants in tokens, fitted to reports.

    The terms of a report are numbers whose products with the factors add up to the tokens reported. The
    last ``constants`` terms count things that cost a fixed number of tokens; their factors start at 0 tokens.

    Args:
        spreads: the standard deviation of each factor as believed before any report.
        common: groups of terms that deviate together, with the standard deviation of what they share.
        constants: how many of the terms, at the end, are constants.
    """

    def __init__(
        self,
        spreads: Sequence[float],
        common: Sequence[tuple[Sequence[int], float]] = (),
        constants: int = 0,
    ) -> None:
        self._size = len(spreads)
        self._kinds = self._size - constants
        self.factors = [1.0] * self._kinds + [0.0] * constants
        self._spread = [[0.0] * self._size for _ in spreads]
        for term, deviation in enumerate(spreads):
            self._spread[term][term] = deviation**2
        for group, deviation in common:
            for row in group:
                for column in group:
                    self._spread[row][column] += deviation**2
        self._widest = [self._spread[term][term] for term in range(self._size)]

    def predict(self, terms: Sequence[float]) -> float:
        """Return the tokens expected for ``terms``."""
        return sum(factor * term for factor, term in zip(self.factors, terms, strict=True))

    def learn(self, terms: Sequence[float], tokens: float) -> None:
        """Take in that ``terms`` were ``tokens``."""
        for term, amount in enumerate(terms):
            wider = self._spread[term][term] + _DRIFT**2
            if amount and term < self._kinds and wider <= self._widest[term]:
                self._spread[term][term] = wider
        pull = [sum(a * b for a, b in zip(row, terms, strict=True)) for row in self._spread]
        expected = self.predict(terms)
        noise = (_RELATIVE_NOISE * max(expected, 1.0)) ** 2 + _FIXED_NOISE**2
        variance = noise + sum(a * b for a, b in zip(pull, terms, strict=True))
        surprise = tokens - expected
        variance *= max(1.0, abs(surprise) / (_WILD * sqrt(variance)))
        for row, strength in enumerate(pull):
            self.factors[row] += strength * surprise / variance
            for column in range(self._size):
                self._spread[row][column] -= strength * pull[column] / variance
        for term in range(self._kinds):
            self.factors[term] = min(_HIGHEST, max(_LOWEST, self.factors[term]))

    def state(self) -> list[float]:
        """Return all that was learnt: the factors, then the lower half of the spreads, row by row."""
        return self.factors + [
            self._spread[row][column] for row in range(self._size) for column in range(row + 1)
        ]

    def restore(self, state: Sequence[float]) -> None:
        """Go on from what `state` returned.

        Raises:
            ValueError: the numbers are not a state of this calibration.
        """
        if len(state) != self._size * (self._size + 3) // 2 or not all(map(isfinite, state)):
            raise ValueError("these numbers are not the state of this calibration")
        factors, rest = list(state[: self._size]), iter(state[self._size :])
        spread = [[0.0] * self._size for _ in factors]
        for row in range(self._size):
            for column in range(row + 1):
                spread[row][column] = spread[column][row] = next(rest)
        self.factors, self._spread = factors, spread
