"""The contract's paths as Quart's routing rules."""


def rule_of(path: str) -> str:
    """Convert a path of the contract to a routing rule, in which each identifier must be a UUID."""
    for name in ("exp_uuid", "observation_uuid", "user_uuid"):
        path = path.replace(f"{{{name}}}", f"<uuid:{name}>")
    return path
