"""Whether a picture's blocks repeat a known message: votes for each of its bits, held against chance.

Bit i of a message of n bits stands in blocks i, i + n, i + 2n … A picture's own flat and repeating parts vote too: what
counts is how the shares of ones go up and down with the message, not how many bits are right. The bound is Chernoff's,
with chance a random string of n bits: P(sum of x[i] e[i] >= s) <= min over t of exp(-t s) times the product of cosh(t x[i]).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

CHANCE = 1e-7  # of one message in one picture; the catalogue has fewer than ten
# Text has a pattern of eight bits, and so have the blocks of a picture that repeats every 64 px: what repeats every
# eight bits must not be all that fits
_PERIOD, _WITHOUT_PERIOD = 8, 1e-3
_LEAST = 4.0  # standard deviations; below, no message of any length passes


def fits(bits: str, message: str) -> float | None:
    """The bound on chance, if it is small enough that the blocks (0 and 1) repeat the message; else None."""
    n = len(message)
    if len(bits) < 2 * n:
        return None
    signs = [1 if bit == "1" else -1 for bit in message]
    votes = [bits[i::n] for i in range(n)]
    shares = [of.count("1") / len(of) for of in votes]
    chance = _chance(_centred(shares, 1), signs)
    if chance > CHANCE:
        return None
    if n % _PERIOD == 0 and _chance(_centred(shares, _PERIOD), signs) > _WITHOUT_PERIOD:
        return None
    return chance


def _centred(shares: Sequence[float], period: int) -> list[float]:
    """Less the mean of all that stand at the same place of the period."""
    means = [sum(of) / len(of) for k in range(period) if (of := shares[k::period])]
    return [share - means[i % period] for i, share in enumerate(shares)]


def _chance(votes: Sequence[float], signs: Sequence[int]) -> float:
    fit = sum(v * s for v, s in zip(votes, signs, strict=True))
    spread = math.sqrt(sum(v * v for v in votes))
    if fit <= _LEAST * spread or spread < 1e-9:
        return 1.0
    start = fit / spread**2  # the best t, were the votes many and small
    return math.exp(min(_exponent(votes, fit, start * 1.15**k) for k in range(24)))


def _exponent(votes: Sequence[float], fit: float, t: float) -> float:
    # log cosh x = |x| + log(1 + exp(-2|x|)) - log 2
    return sum(abs(t * v) + math.log1p(math.exp(-2 * abs(t * v))) - math.log(2) for v in votes) - t * fit
