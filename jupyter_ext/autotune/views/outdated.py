"""Whether a suggestion was made before a number that it was computed from was corrected."""

from collections.abc import Mapping

from autotune_wire.suggestions import Suggestion


def outdated_text(suggestion: Suggestion, corrected: Mapping[int, int]) -> str:
    """Write which runs were corrected after a suggestion was computed; empty if the suggestion knows all corrections.

    A guess or a point of the initial design does not depend on the runs, so no correction makes it outdated.

    Args:
        suggestion: The suggestion.
        corrected: By the number of the run, the seq of the event that announced its last correction.
    """
    known_seq = suggestion.data_seq
    if suggestion.source != "model" or known_seq is None:
        return ""
    numbers = sorted(number for number, seq in corrected.items() if seq > known_seq)
    if not numbers:
        return ""
    if len(numbers) == 1:
        return f"made before run {numbers[0]} was corrected"
    return f"made before runs {', '.join(map(str, numbers[:-1]))} and {numbers[-1]} were corrected"
