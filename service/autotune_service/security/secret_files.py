"""Secrets that stand in files, as the secrets of Docker, Kubernetes and systemd do, and not in the environment."""

from collections.abc import Iterable, Mapping
from pathlib import Path

MOST_BYTES = 64 * 1024
"""More than any secret or URL has: what is longer is another file."""


class SecretFileError(Exception):
    """A file of a secret cannot be used; the message names the variable, and never what stands in the file."""


def secrets_of_files(names: Iterable[str], environ: Mapping[str, str], prefix: str = "") -> dict[str, tuple[Path, str]]:
    """Read the secrets that variables such as ``AUTOTUNE_SECRET_FILE`` name the files of.

    Args:
        names: The settings that are secrets, in lower case.
        environ: The variables; their names count in upper and lower case, and an empty one is not set.
        prefix: What stands before the name of each setting, in upper case.

    Returns:
        For each secret that stands in a file, the file and the secret, without the line break at its end.

    Raises:
        SecretFileError: If a secret is given as a variable too, or its file cannot be read or holds none.
    """
    given = {name.upper(): value for name, value in environ.items() if value}
    found = {}
    for name in names:
        variable = f"{prefix}{name.upper()}"
        path = given.get(f"{variable}_FILE")
        if path is None:
            continue
        if variable in given:
            raise SecretFileError(f"{variable} and {variable}_FILE are both set: unset one of them")
        found[name] = Path(path), read_secret(f"{variable}_FILE", Path(path))
    return found


def read_secret(variable: str, path: Path) -> str:
    """Read the secret in a file, without the line break at its end.

    Args:
        variable: The variable that names the file, for messages.
        path: The file.

    Raises:
        SecretFileError: If the file cannot be read, or does not hold one line of text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SecretFileError(f"{variable} is {str(path)!r}: cannot be read: {error.strerror}") from None
    except ValueError:  # a NUL in the name
        raise SecretFileError(f"{variable} is {str(path)!r}: must be the path of a file") from None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret.strip():
        raise SecretFileError(f"{variable} is {str(path)!r}: the file is empty; write the secret into it")
    if len(content) > MOST_BYTES or not secret.isprintable():
        raise SecretFileError(f"{variable} is {str(path)!r}: the file must hold one line of text, the secret")
    return secret
