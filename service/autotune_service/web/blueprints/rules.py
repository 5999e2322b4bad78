"""The contract's paths as Quart's routing rules."""


def rule_of(path: str) -> str:
    """Write a path of the contract as a rule that takes nothing but a UUID where it names something."""
    return path.replace("{exp_uuid}", "<uuid:exp_uuid>").replace("{observation_uuid}", "<uuid:observation_uuid>")
