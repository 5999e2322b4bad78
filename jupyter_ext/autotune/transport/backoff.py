"""How long to wait before the next try."""

FIRST_S = 0.5
LONGEST_S = 15.0


def delay_s(attempt: int, fraction: float) -> float:
    """Give the wait after a failed attempt: twice as long each time, bounded, and never the same for two clients.

    Args:
        attempt: How many attempts failed before this one.
        fraction: A random number in [0, 1): it picks the upper half of the wait, so that clients that lost the service
            in the same moment do not come back in the same moment.
    """
    full = min(FIRST_S * 2.0 ** min(attempt, 30), LONGEST_S)
    return full * (1 + fraction) / 2
