"""Measure what the notebook promises: how soon a board opens, what live costs a page, how soon the extension loads.

Run it as ``.venv/bin/python bench/notebook/limits.py``, on an idle machine, with the names of some measurements or with
none for all. The first two need Chromium (``apt install chromium``, or ``CHROMIUM=PROGRAM``), and ``installed`` needs a
package index.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import installed
import loading
import opening
import pages
import redrawing
import rounds


def _run_opening(folder: Path) -> dict[str, list[float]]:
    return asyncio.run(opening.measure(folder))


def _run_redrawing(folder: Path) -> dict[str, list[float]]:
    return asyncio.run(redrawing.measure(folder))


MEASUREMENTS: dict[str, tuple[str, Callable[[Path], dict[str, list[float]]]]] = {
    "opening": (f"a board opens within {opening.LIMIT_S:g} s; without an engine at work", _run_opening),
    "redrawing": (
        f"under {redrawing.LIMIT_MS} ms a frame and {redrawing.LIMIT_KB} kB a message, {redrawing.N_RUNS:,} runs and "
        f"{redrawing.RATE} tells a second for {redrawing.SECONDS:g} s; without an engine at work",
        _run_redrawing,
    ),
    "loading": (f"%load_ext within {loading.LIMIT_MS} ms; {loading.ROUNDS} processes each", loading.measure),
    "installed": (f"the extra adds less than {installed.LIMIT_MB} MB, without torch", installed.measure),
}


def main() -> None:
    """Measure what the command line names, or all, and print the machine and the tables."""
    parser = argparse.ArgumentParser(description="Measure what the notebook promises.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASUREMENTS))
    names = parser.parse_args().names or list(MEASUREMENTS)
    if unknown := [name for name in names if name not in MEASUREMENTS]:
        parser.error(f"there is no measurement {unknown[0]!r}; there are: {', '.join(MEASUREMENTS)}")
    print(pages.machine())
    for name in names:
        limit, measure = MEASUREMENTS[name]
        with tempfile.TemporaryDirectory() as folder:
            found = measure(Path(folder))
        print(f"\n{name}: {limit}\n\n{rounds.table(found)}", flush=True)


if __name__ == "__main__":
    main()
