"""The settings."""

from collections.abc import Iterator

from pydantic_core import PydanticUndefined

from autotune_service.settings import Settings
from autotune_site.reference.tables import Schema, table, type_of


def lines() -> Iterator[str]:
    """Yield each setting with its variable, default, type and meaning."""
    schema = Settings.model_json_schema()
    yield from table(
        ("variable", "default", "type", "meaning"),
        (
            (f"`AUTOTUNE_{name.upper()}`", _default(name), _type(field), field.get("description", ""))
            for name, field in schema["properties"].items()
        ),
    )


def _default(name: str) -> str:
    default = Settings.model_fields[name].default
    if default is PydanticUndefined:
        return "depends on the machine"
    return "" if default is None or default == () else f"`{default}`"


def _type(field: Schema) -> str:
    return type_of(field).removesuffix(" or null")
