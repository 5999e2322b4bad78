"""The revisions of an experiment's space, shown as text and as HTML tables."""

from autotune.values import value_text
from autotune.views.shown import constraint_text, covariate_text
from autotune.views.tables import html_table
from autotune_wire.changes import SpaceRevision


class SpaceRevisions(list[SpaceRevision]):
    """The revisions of an experiment's space, oldest first."""

    def _repr_html_(self) -> str:
        return "".join(html_table(_caption(revision), _rows(revision)) for revision in self)

    def __repr__(self) -> str:
        return "\n".join(
            f"{_caption(revision)}\n" + "\n".join(f"  {label}: {text}" for label, text in _rows(revision))
            for revision in self
        )


def _caption(revision: SpaceRevision) -> str:
    return f"Space {revision.revision}, from event {revision.seq}, {revision.time_created:%Y-%m-%d %H:%M} UTC"


def _rows(revision: SpaceRevision) -> list[tuple[str, str]]:
    rows = [(name, covariate_text(covariate)) for name, covariate in revision.covars.items()]
    rows += [("constraint", constraint_text(constraint, revision.covars)) for constraint in revision.constraints]
    return rows + [(f"{name} in earlier runs", value_text(value)) for name, value in revision.backfill.items()]
