"""Processes that work on what users send, or run what users write: what they get, and how they stand back."""

import os
from contextlib import suppress
from pathlib import Path

_NAMES = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TZDIR", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT"}
    | {"VIRTUAL_ENV", "CONDA_PREFIX", "GLIBC_TUNABLES"}
)
_PREFIXES = (
    *("LC_", "LD_", "DYLD_", "PYTHON", "COVERAGE_", "MALLOC_", "XDG_"),
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "NVPL_", "TORCH_", "PYTORCH_", "ATEN_", "CUDA_"),
)
# A notebook is its user's own place: it opens pages, starts shells and installs packages.
_NAMES_OF_NOTEBOOKS = frozenset(
    {"SHELL", "TERM", "COLORTERM", "EDITOR", "BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NO_PROXY", "no_proxy"}
)
_ADDRESSES = frozenset(
    {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"}
    | {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"}
)
_PREFIXES_OF_NOTEBOOKS = ("IPYTHON", "MPL", "CONDA_", "JUPYTER")


def environment_of_child() -> dict[str, str]:
    """Return what a child needs to find its programs and libraries, and to compute as it is told to.

    Everything else stays behind: any other variable may be a secret, of this service or of another program.
    """
    return {name: value for name, value in os.environ.items() if name in _NAMES or name.startswith(_PREFIXES)}


def environment_of_notebooks() -> dict[str, str]:
    """Return what JupyterLab and its kernels get: what a child gets, and what a desktop and pip need.

    The address of a proxy that holds a password stays behind, like everything else that may be a secret.
    """
    return environment_of_child() | {
        name: value
        for name, value in os.environ.items()
        if name in _NAMES_OF_NOTEBOOKS
        or (name.startswith(_PREFIXES_OF_NOTEBOOKS) and not name.endswith(("TOKEN", "PASSWORD", "SECRET")))
        or (name in _ADDRESSES and "@" not in value)
    }


def stand_back(nice: int) -> None:
    """Let other processes come first on the processors, by a niceness of 1 to 19.

    Linux shares processors among sessions first, and a child has a session of its own: niceness counts within that
    session alone, unless the session itself is told as well (``sched_autogroup``, man 7 sched).
    """
    os.nice(nice)
    with suppress(OSError):  # another system, a kernel without such groups, or a container that may not
        Path("/proc/self/autogroup").write_text(str(nice))
