"""The service's own commands, as ``python -m autotune_service.cli``; ``autotune`` has those of the client too."""

import click

from autotune_service import interrupts
from autotune_service.commands.config import config_command
from autotune_service.commands.database import backup_command, migrate_command, restore_command
from autotune_service.commands.examining import check_secrets_command, doctor_command
from autotune_service.commands.groups import groups
from autotune_service.commands.serving import lab_command, serve_command, worker_command
from autotune_service.commands.tokens import tokens
from autotune_service.commands.users import users


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="autotune-bo")
def main() -> None:
    """Run the AutoTune service. Each option can also be set by the variable AUTOTUNE_<OPTION>."""
    interrupts.raise_from_now_on()


for command in (
    *(serve_command, lab_command, worker_command, doctor_command, config_command, check_secrets_command),
    *(migrate_command, backup_command, restore_command, users, tokens, groups),
):
    main.add_command(command)


if __name__ == "__main__":
    main()
