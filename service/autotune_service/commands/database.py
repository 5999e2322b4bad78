"""The commands about the database as a whole: migrate, backup, restore."""

import sys
from pathlib import Path

import click

from autotune_service.app import back_up, check_backup, migrate, restore
from autotune_service.commands.common import run, settings_of
from autotune_service.commands.options import data_option


@click.command("migrate")
@data_option
def migrate_command(data: Path | None) -> None:
    """Update the database's tables to this version. `serve` and `worker` do so when they start."""
    run(migrate(settings_of(data=data)))
    click.echo("The database is up to date.")


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_option
def backup_command(file: Path, data: Path | None) -> None:
    """Write AutoTune's tables to FILE. Services may run meanwhile."""
    run(back_up(settings_of(data=data), file, click.echo))


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_option
@click.option("--replace", is_flag=True, help="Delete AutoTune's tables; else there must be none.")
@click.option("--yes", is_flag=True, help="Do not ask before replacing.")
def restore_command(file: Path, data: Path | None, replace: bool, yes: bool) -> None:
    """Restore AutoTune's tables from the backup in FILE. Stop all services before."""
    settings = settings_of(data=data)
    run(check_backup(file))
    if replace and not yes:
        if not sys.stdin.isatty():
            raise click.ClickException("--replace deletes all data of AutoTune in the database: confirm with --yes")
        click.confirm("All data of AutoTune in the database will be deleted. Go on?", abort=True)
    run(restore(settings, file, click.echo, replace=replace))
