"""What is wrong with the arguments of a picture."""


class PictureError(ValueError):
    """A picture was asked for that cannot be drawn; the message names the argument, its value and what is allowed."""


def chosen(argument: str, value: str, allowed: list[str]) -> str:
    """Return a value if it is one of those allowed.

    Raises:
        PictureError: If it is not.
    """
    if value not in allowed:
        listed = ", ".join(map(repr, allowed[:20])) or "none"
        raise PictureError(f"{argument} is {value!r}; it must be one of: {listed}")
    return value
