"""The contract's paths as Quart's routing rules."""

import re

_IDENTIFIER = re.compile(r"{(\w+_uuid)}")


def rule_of(path: str) -> str:
    """Convert a path of the contract to a routing rule, in which each identifier must be a UUID."""
    return _IDENTIFIER.sub(r"<uuid:\1>", path)
