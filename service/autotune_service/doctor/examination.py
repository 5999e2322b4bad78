"""Examines a deployment as `autotune serve` would find it, and changes nothing."""

import os
from typing import Any

from autotune_service.app import cluster_of, database, other_url
from autotune_service.doctor.findings import Finding
from autotune_service.doctor.of_database import examine_database
from autotune_service.doctor.of_machine import examine_machine
from autotune_service.doctor.of_settings import examine_settings
from autotune_service.domain.errors import UnavailableError
from autotune_service.settings import Settings, SettingsError, load_settings
from autotune_service.store.embedded import has_no_cluster
from autotune_service.store.schema import SchemaError
from autotune_service.store.server.facts import read_facts


async def examine(**options: Any) -> list[Finding]:
    """Return all that is wrong; an empty list if nothing is.

    Args:
        options: What overrides the variables of the environment, as in ``load_settings``.
    """
    try:
        settings = load_settings(**options)
    except SettingsError as error:
        remedy = "Correct the variable; `settings.py` lists what each may be. Then run `autotune doctor` again."
        return [Finding("settings", f"{line}.", remedy) for line in str(error).splitlines()]
    found = [*examine_settings(settings, os.environ), *examine_machine(settings)]
    return [*found, *await _examine_database(settings)]


async def _examine_database(settings: Settings) -> list[Finding]:
    if settings.database_url is None and has_no_cluster(cluster_of(settings)):
        return []  # the first start makes one
    try:
        async with database(settings, "autotune doctor") as url:
            direct, _ = other_url(settings)
            return list(examine_database(settings, await read_facts(url, direct)))
    except UnavailableError as error:
        return [Finding("database_unavailable", f"{error.detail}.", "Mend that, and run `autotune doctor` again.")]
    except SchemaError as error:
        return [Finding("schema_unusable", f"{error}.", "Mend that, and run `autotune doctor` again.")]
