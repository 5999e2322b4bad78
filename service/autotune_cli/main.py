"""The group of all commands. A command's code is loaded when the command is run, so that the help comes at once."""

from importlib import import_module
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from autotune_service import interrupts

EXIT_CODES = {
    0: "done; serve and worker: stopped by a signal, watch: by Ctrl-C",
    1: "an error that has no code of its own, and doctor: something is wrong",
    2: "the command line is wrong, or a value on it or in what was read",
    3: "the database's tables are of another version",
    4: "the service is not reached, or cannot answer now: try again later",
    5: "not signed in, or without the right to do this",
    6: "the service refused: it says what, and why",
    7: "nothing to do: paused, stopped or closed; tell: no line came",
    8: "report: the run should be stopped",
}
"""What a command ends with, for scripts: 3 is of the service's commands, 4 to 8 are of the client's."""


class Place(NamedTuple):
    """Where a command is.

    Attributes:
        module: The module that has it.
        attribute: Its name there.
        summary: What it does, for the list of all commands.
        extra: The extra of the package that brings what the command needs.
    """

    module: str
    attribute: str
    summary: str
    extra: str = "service"


_SERVICE, _CLIENT = "autotune_service.commands", "autotune.shell"
SECTIONS: dict[str, dict[str, Place]] = {
    "Run the service": {
        "serve": Place(f"{_SERVICE}.serving", "serve_command", "Serve the API and run the engine."),
        "worker": Place(f"{_SERVICE}.serving", "worker_command", "Run only the engine, beside serve --no-worker."),
        "lab": Place(f"{_SERVICE}.serving", "lab_command", "Run the service and JupyterLab with a notebook."),
        "config": Place(f"{_SERVICE}.config", "config_command", "Print every setting and where it came from."),
        "doctor": Place(f"{_SERVICE}.examining", "doctor_command", "Say what is wrong, and how to mend it."),
        "check-secrets": Place(f"{_SERVICE}.examining", "check_secrets_command", "Refuse secrets that can be guessed."),
    },
    "Keep its data": {
        "migrate": Place(f"{_SERVICE}.database", "migrate_command", "Update the database's tables to this version."),
        "backup": Place(f"{_SERVICE}.database", "backup_command", "Write all of AutoTune's tables to a file."),
        "restore": Place(f"{_SERVICE}.database", "restore_command", "Restore the tables from a backup."),
        "export": Place(f"{_CLIENT}.files", "export_command", "Save one experiment to a file."),
        "import": Place(f"{_CLIENT}.files", "import_command", "Read an experiment, or runs for one, from a file."),
    },
    "People and programs": {
        "user": Place(f"{_SERVICE}.users", "users", "Make, list and mend accounts."),
        "token": Place(f"{_SERVICE}.tokens", "tokens", "Make, list and revoke tokens of robots and scripts."),
        "group": Place(f"{_SERVICE}.groups", "groups", "Make, list and change groups of people."),
    },
    "Run the loop": {
        "new": Place(f"{_CLIENT}.experiments", "new_command", "Describe an experiment."),
        "list": Place(f"{_CLIENT}.experiments", "list_command", "List your experiments."),
        "ask": Place(f"{_CLIENT}.asking", "ask_command", "Ask what to try next."),
        "tell": Place(f"{_CLIENT}.telling", "tell_command", "Tell what was measured."),
        "report": Place(f"{_CLIENT}.reporting", "report_command", "Report how a run goes, and whether to stop it."),
        "watch": Place(f"{_CLIENT}.watching", "watch_command", "Print what happens, as it happens."),
        "history": Place(f"{_CLIENT}.experiments", "history_command", "Print all runs."),
        "demo": Place(f"{_CLIENT}.demo", "demo_command", "Make an experiment with twenty runs to look at."),
        "mcp": Place("autotune.agents.command", "mcp", "Offer your experiments to an assistant.", extra="mcp"),
    },
}
_PLACES = {name: place for section in SECTIONS.values() for name, place in section.items()}


class Commands(click.Group):
    """The commands, in the sections of the help."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """Return the names of all commands, in order."""
        return list(_PLACES)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """Load a command.

        Raises:
            click.ClickException: If the part of AutoTune that has the command is not installed.
        """
        place = _PLACES.get(name)
        if place is None:
            return None
        try:
            command = getattr(import_module(place.module), place.attribute)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in {"autotune", "autotune_service", "autotune_wire"}:
                raise
            raise click.ClickException(
                f"autotune {name} needs {error.name}, which is not installed. It comes with: "
                f"pip install 'autotune-bo[{place.extra}]'"
            ) from None
        assert isinstance(command, click.Command)
        return command

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what the tab key offers; no command is loaded for that."""
        found = [CompletionItem(name, help=place.summary) for name, place in _PLACES.items()]
        return [item for item in found if item.value.startswith(incomplete)] or click.Command.shell_complete(
            self, context, incomplete
        )

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section; no command is loaded for that."""
        for title, places in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, place.summary) for name, place in places.items()], col_max=14)

    def format_epilog(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what scripts need: exit codes, variables and completion."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in EXIT_CODES.items()])
        with formatter.section("The loop signs in by variables, never by options"):
            variables = {
                "AUTOTUNE_URL": "the service's address, http://127.0.0.1:8008 by default",
                "AUTOTUNE_TOKEN": "a token, as `autotune token add` makes it",
                "AUTOTUNE_USERNAME, AUTOTUNE_PASSWORD": "in place of a token",
            }
            formatter.write_dl(list(variables.items()))
        with formatter.section("The tab key completes commands, options and names after"):
            formatter.write_text('eval "$(_AUTOTUNE_COMPLETE=bash_source autotune)"   (or zsh_source)')


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="autotune-bo")
def main() -> None:
    """Ask what to try next, and run the service that answers.

    autotune COMMAND --help describes a command. Each option of the service can also be set by the variable
    AUTOTUNE_<OPTION>.
    """
    # All modules are imported by now: only from here on is Ctrl-C something to unwind from.
    interrupts.raise_from_now_on()
