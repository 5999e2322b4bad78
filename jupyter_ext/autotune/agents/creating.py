"""The tool that creates an experiment, once the user has confirmed its description."""

import json
from hashlib import sha256
from secrets import token_hex
from typing import Annotated, Any

from mcp.server.elicitation import AcceptedElicitation
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, ElicitationResult, Resolve
from mcp.types import CallToolResult
from pydantic import BaseModel, Field

from autotune.agents.answers import Listed, answer, listed_line
from autotune.agents.reach import Reach
from autotune.errors import InvalidInputError
from autotune.experiment import Experiment
from autotune.transport.coroutines import result_of
from autotune.values import value_text
from autotune.views.facts import early_stop_text, stop_text
from autotune.views.goals import goals_text
from autotune.views.shown import constraint_text, covariate_text
from autotune_wire import experiments
from autotune_wire.experiments import NewExperiment
from autotune_wire.paths import EXPERIMENT_NEW
from autotune_wire.problems import FieldProblem


class Confirmation(BaseModel):
    """What the user is asked by a client that can ask."""

    create: bool = Field(title="Create this experiment")


class Creation(BaseModel):
    """An experiment that was created, or is to be confirmed first."""

    is_created: bool
    experiment: Listed | None = Field(description="The new experiment; null while it is not confirmed.")
    confirmation: str | None = Field(description="For the second call, once the user has said yes.")
    advice: list[str] = Field(description="How the space could be described better.")


Description = Annotated[
    NewExperiment,
    Field(
        description="The whole description. Each covariate needs a guess: the first value to try. Ask the user for "
        "what you do not know: bounds, units, what is measured, and whether more or less is better."
    ),
]
Code = Annotated[
    str | None,
    Field(description="The confirmation that the first call returned, for the same experiment. Only after a yes."),
]
Room = Context[Any, Any]


def asked(experiment: Description, confirmation: Code, context: Room) -> Confirmation | Elicit[Confirmation]:
    """Find out whether the user has confirmed; ask them where the client can."""
    if confirmation is not None:
        _check_code(confirmation, experiment)
        return Confirmation(create=True)
    if _can_ask(context):
        return Elicit(f"Create this experiment in AutoTune?\n{summary(experiment)}", Confirmation)
    return Confirmation(create=False)


class Creating:
    """Creates experiments for an agent."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def new_experiment(
        self,
        experiment: Description,
        context: Room,
        confirmed: Annotated[ElicitationResult[Confirmation], Resolve(asked)],
        confirmation: Code = None,
    ) -> Annotated[CallToolResult, Creation]:
        """Create an experiment from a description that the user has confirmed.

        First show the user the whole description in plain words: every covariate with its bounds or options and its
        first value, what is measured and whether more or less is better, rules, and when to stop. A client that can ask
        the user does so. For others the first call creates nothing and returns a confirmation: show the user what it
        says, and only after their yes call again with the same experiment and this confirmation.
        """
        if isinstance(confirmed, AcceptedElicitation) and confirmed.data.create:
            return self._created(experiment, confirmation)
        if _can_ask(context):
            none = Creation(is_created=False, experiment=None, confirmation=None, advice=[])
            return answer("The user did not confirm; nothing was created. Ask them what to change.", none)
        code = _code_of(experiment, token_hex(3))
        text = (
            f"Nothing is created yet. Show the user this, and only after their yes call again with the same experiment "
            f"and confirmation={code!r}:\n{summary(experiment)}"
        )
        return answer(text, Creation(is_created=False, experiment=None, confirmation=code, advice=[]))

    def _created(self, experiment: NewExperiment, confirmation: str | None) -> CallToolResult:
        connection = self._reach.client.connection
        # A call that is sent again with its confirmation returns the experiment that the first one created.
        key = None if confirmation is None else f"{self._reach.agent}-new-{confirmation}".replace(" ", "-")
        seen = result_of(connection.send(EXPERIMENT_NEW, experiments.Experiment, experiment, key=key))
        made = Listed.of(Experiment(connection, seen))
        data = Creation(is_created=True, experiment=made, confirmation=None, advice=seen.advice)
        return answer("\n".join(["Created:", listed_line(made), *seen.advice]), data)


def summary(experiment: NewExperiment) -> str:
    """Write a description as the user is asked about it."""
    lines = [f"{experiment.name}: {goals_text(experiment.responses_or_default())}"]
    lines += [experiment.description] if experiment.description else []
    for name, covariate in experiment.covars.items():
        lines.append(f"- {name}: {covariate_text(covariate)}; first {value_text(covariate.guess)}")
    lines += [f"- rule: {constraint_text(rule, experiment.covars)}" for rule in experiment.constraints]
    if experiment.candidates is not None:
        lines.append(f"- suggests only the rows of a list of {len(experiment.candidates)}")
    lines += [] if experiment.stop is None else [f"- stops {stop_text(experiment.stop)}"]
    lines += [f"- learns from {uuid}" for uuid in experiment.learn_from]
    rule = experiment.early_stop
    lines += [] if rule is None else [f"- stops runs early that report: {early_stop_text(rule)}"]
    return "\n".join(lines)


def _can_ask(context: Room) -> bool:
    """Return whether the client can put a form to the user; one that names no mode can."""
    capabilities = context.client_capabilities
    elicitation = None if capabilities is None else capabilities.elicitation
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def _code_of(experiment: NewExperiment, nonce: str) -> str:
    """Return the confirmation of a description: of this one and no other, so that what was shown is what is created."""
    text = json.dumps(experiment.model_dump(mode="json"), sort_keys=True)
    return f"{nonce}-{sha256(f'{nonce} {text}'.encode()).hexdigest()[:12]}"


def _check_code(confirmation: str, experiment: NewExperiment) -> None:
    if confirmation == _code_of(experiment, confirmation.partition("-")[0]):
        return
    message = "is not that of this experiment; call without it, show the user what comes back, and use what it names"
    problem = FieldProblem(field="confirmation", message=message, value=confirmation)
    raise InvalidInputError("this experiment is not confirmed:", [problem])
