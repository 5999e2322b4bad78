"""The signals that end a command, and a quiet end on Ctrl-C while the command's modules are still being imported."""

import signal

# A supervisor and `timeout` send the one, a terminal that is closed the other.
ENDINGS = (signal.SIGTERM, signal.SIGHUP)
_is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if _is_default:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_from_now_on() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again, as Python does by default."""
    if _is_default:
        signal.signal(signal.SIGINT, signal.default_int_handler)
