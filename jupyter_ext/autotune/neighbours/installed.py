"""Libraries of which a user may have none: each is imported when it is needed."""

from importlib import import_module
from typing import Any


def optuna() -> Any:
    """Import Optuna.

    Raises:
        ImportError: If Optuna is not installed; the message says how to install it.
    """
    try:
        return import_module("optuna")
    except ImportError as error:
        raise ImportError('this needs Optuna: pip install "autotune-bo[optuna]"') from error
