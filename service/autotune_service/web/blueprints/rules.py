"""The contract's paths as Quart's routing rules."""


def rule_of(path: str) -> str:
    """Convert a path of the contract to a routing rule, in which each identifier must be a UUID."""
    return path.replace("{exp_uuid}", "<uuid:exp_uuid>").replace("{observation_uuid}", "<uuid:observation_uuid>")
