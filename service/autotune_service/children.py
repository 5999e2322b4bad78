"""What processes get of the service's environment that work on what users send."""

import os

_NAMES = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TZDIR", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT"}
    | {"VIRTUAL_ENV", "CONDA_PREFIX", "GLIBC_TUNABLES"}
)
_PREFIXES = (
    *("LC_", "LD_", "DYLD_", "PYTHON", "COVERAGE_", "MALLOC_", "XDG_"),
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "NVPL_", "TORCH_", "PYTORCH_", "ATEN_", "CUDA_"),
)


def environment_of_child() -> dict[str, str]:
    """Return what a child needs to find its programs and libraries, and to compute as it is told to.

    Everything else stays behind: any other variable may be a secret, of this service or of another program.
    """
    return {name: value for name, value in os.environ.items() if name in _NAMES or name.startswith(_PREFIXES)}
