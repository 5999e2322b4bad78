"""The wait between repeated attempts."""

FIRST_S = 0.5
LONGEST_S = 15.0
MOST_REFUSED = 12
"""How many times in a row a service may refuse tokens, each fetched anew and tried twice, before that is an error.

While a service is upgraded, replicas of two versions may stand behind one address, and one may refuse what the other
issued a moment ago. A proxy that asks them in turn would have each fresh token come to the wrong one if it was tried
only once.
"""


def delay_s(attempt: int, fraction: float) -> float:
    """Compute the wait after a failed attempt, in seconds: twice as long each time, up to a bound, and partly random.

    Args:
        attempt: How many attempts failed before this one.
        fraction: A random number in [0, 1) that picks a value from the upper half of the wait, so that clients that
            lost the service in the same moment do not come back in the same moment.
    """
    full = min(FIRST_S * 2.0 ** min(attempt, 30), LONGEST_S)
    return full * (1 + fraction) / 2
