"""The blocks of code in the documentation: each is run, or stands here with the reason why not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from autotune_site.blocks import language_of

ROOT = Path(__file__).parents[2]

RUN_ELSEWHERE = {
    "README.md": "tests/service/test_readme.py",
    "docs/libraries.md": "tests/autotune/test_client_libraries_page.py",
    "docs/command-line.md": "tests/service/test_shell.py",
}
"""Pages whose blocks are run by a test of their own."""

_ROOMS = "a picture of the rooms of the code"
_HOURS = "takes hours, and environments of its own, for a report that is made once in a while"
_SERVERS = "starts processes that stay, on machines of the reader's; tests/faults/test_replicas.py starts such ones"
_CLICKS = "somebody clicks and types between the blocks; tests/autotune/widgets does"
_BACKUP = "tests/service/test_backup.py runs the commands, with data to save"
_MOVE = "moves an experiment between two services; tests/tuning/test_imports.py and tests/web/blueprints do"
_ONE_EACH = "four calls, each for another day, as some of them rule the next one out; they are tried in"
_TOKENS = "seconds for each command; tests/security/test_token_commands.py runs them"
_SHOWN = "shows what the service writes, and is no code"
_OTHERS = "the configuration of a program that is not installed here"

NOT_RUN = {
    "CONTRIBUTING.md": {
        "make run ": "make itself, which installs all that the tests need",
        "make lint": "make itself, which runs these tests",
    },
    "bench/README.md": {"": _HOURS},
    "docs/architecture.md": {"": _ROOMS},
    "docs/accounts.md": {"autotune user add": "asks for a password; tests/security/test_user_commands.py types one"},
    "docs/agents.md": {"": "for an assistant of the reader's; tests/autotune/agents has a client of MCP"},
    "docs/backup.md": {"autotune ": _BACKUP, "curl ": _MOVE},
    "docs/forms.md": {"": _CLICKS},
    "docs/howto/ci.md": {"name: Tune": _OTHERS},
    "docs/howto/cluster.md": {"#!/bin/bash": "Slurm's scheduler is not installed here"},
    "docs/howto/jupyterhub.md": {
        "pip install": "tests/deploy/test_release.py installs the extras",
        "autotune token": _TOKENS,
    },
    "docs/howto/r-and-shell.md": {"library(httr2)": "R is not installed here; the shell above makes the same calls"},
    "docs/howto/several-machines.md": {"": _SERVERS},
    "docs/operations.md": {
        "CREATE SCHEMA": "tests/store/test_refused_databases.py makes such a schema, as the role of its database",
        "SELECT format": "psql's own command; tests/store/test_adoption.py drops the views",
        "AUTOTUNE_MODE=prod": "starts processes that stay; tests/proxy starts such ones behind nginx",
        "openssl req": "tests/deploy/test_nginx.py makes these certificates",
        "AUTOTUNE_METRICS_PORT": "starts processes that stay; tests/service/test_observing.py starts such ones",
        "scrape_configs": _OTHERS,
        '{"event"': _SHOWN,
        "pip install": "sends traces to a collector of the reader's; tests/observing/test_traces.py has one",
    },
    "docs/production.md": {"": "for a machine with a container engine; tests/deploy/test_prod.py plays the stack"},
    "docs/runbook.md": {"": "looks at a stack that runs in a container engine, which is not installed here"},
    "docs/security.md": {"BEGIN;": "tests/security/test_audit.py deletes entries so"},
    "docs/sharing.md": {
        "%autotune share ada": f"{_ONE_EACH} tests/security/test_sharing.py",
        "experiment.share": f"{_ONE_EACH} tests/security/test_sharing.py",
        "export AUTOTUNE_URL": "robot.py is the reader's",
        "autotune token": _TOKENS,
        'echo "Authorization': "asks for an experiment of the reader's; tests/security/test_automation.py asks for one",
    },
}
"""For each page, how the blocks begin that nobody runs, and why."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code on a page.

    Attributes:
        page: The page's path in the repository.
        line: The line of the page on which the block begins, counted from 1.
        language: Its language, as Pygments calls it.
        text: The code.
        is_fenced: Whether it stands between fences, not indented.
    """

    page: str
    line: int
    language: str
    text: str
    is_fenced: bool

    @property
    def why_not(self) -> str | None:
        """The reason why nobody runs the block; None if it is run."""
        reasons = NOT_RUN.get(self.page, {})
        return next((reason for start, reason in reasons.items() if self.text.startswith(start)), None)


def pages() -> list[str]:
    """The pages, as paths in the repository."""
    documented = (ROOT / "docs").rglob("*.md")
    others = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md", "examples/README.md")
    return [*others, *sorted(str(path.relative_to(ROOT)) for path in documented)]


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page in order; what is a directive of the site is no code."""
    for token in MarkdownIt().parse((ROOT / page).read_text()):
        if token.type in ("fence", "code_block") and not token.info.startswith("{"):
            assert token.map is not None
            language = token.info or language_of(token.content)
            yield Block(page, token.map[0] + 1, language, token.content, token.type == "fence")
