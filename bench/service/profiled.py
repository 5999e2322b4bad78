"""Run a module with cProfile, from SIGUSR1 to SIGUSR2; ``hot_spots.py`` starts this script.

The profile counts processor time: by the clock, a socket's write seems to take as long as the process that it wakes
keeps the core.
"""

import cProfile
import runpy
import signal
import sys
import time


def main() -> None:
    """Run ``FILE -m MODULE ARGUMENTS...`` and write the profile to the file."""
    file, _, module, *arguments = sys.argv[1:]
    profile = cProfile.Profile(time.process_time)

    def end(*_: object) -> None:
        profile.disable()
        profile.dump_stats(file)

    signal.signal(signal.SIGUSR1, lambda *_: profile.enable())
    signal.signal(signal.SIGUSR2, end)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
