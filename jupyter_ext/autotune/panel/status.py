"""What the panel says of its own age, in words that stay true.

What is drawn may be saved and read next year, when nothing can be taken back. So the panel says as of when it is, what
happened with the time when it happened, and by what a reader sees whether it is followed: "live" would be a lie soon.
"""

from datetime import UTC, datetime

from autotune.panel.state import PanelState
from autotune.views.shown import counted

_FOLLOWED = (
    "While it is followed, this picture is redrawn at every change and every minute. Where that time is long past, it "
    "is not followed any more: %autotune panel shows the present."
)
_AGAIN = "%autotune panel follows again."


def as_of_text(state: PanelState) -> str:
    """Write as of when the panel is; before the first contact with the service, that nothing is known."""
    if state.as_of is None:
        return "not known yet"
    return f"as of {_clock(state.as_of)}, {state.as_of.astimezone(UTC):%d %b %Y}"


def status_text(state: PanelState) -> str:
    """Write how the panel is followed."""
    since = f"{_clock(state.link_at)}: " if state.link_at is not None else ""
    match state.link:
        case "connecting":
            return f"{since}connecting to the service."
        case "reconnecting":
            return f"{since}the service cannot be reached, reconnecting."
        case "stopped":
            return f"{since}not followed any more. {_AGAIN}"
        case "live":
            missed = state.n_missed
            return f"{since}caught up {counted(missed, 'event')}. {_FOLLOWED}" if missed else _FOLLOWED


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%H:%M} UTC"
