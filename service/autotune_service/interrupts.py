"""Ends the process quietly on Ctrl-C while the command's modules are still being imported."""

import signal

_is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if _is_default:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_from_now_on() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again, as Python does by default."""
    if _is_default:
        signal.signal(signal.SIGINT, signal.default_int_handler)
