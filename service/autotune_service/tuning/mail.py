"""Messages to users: dev mode prints them, and prod has no way to send them yet.

A message may hold a code that works once. So nothing of it is logged, and in prod it goes nowhere: the admin, who gets
the code in the reply, hands it on.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mail:
    """The way to users' mail boxes.

    Attributes:
        show: Shows a message to whoever runs the service; None if messages are dropped.
    """

    show: Callable[[str], None] | None = None

    def send(self, email: str, text: str) -> None:
        """Send a message, as well as this service can."""
        if self.show is not None:
            self.show(f"mail to {email}: {text}")
