"""``python -m autotune_cli`` is ``autotune``."""

from autotune_cli.main import main

if __name__ == "__main__":
    main(prog_name="autotune")
