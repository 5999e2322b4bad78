"""Predictions and insights over HTTP, computed by a worker on request."""

from functools import partial
from uuid import UUID

from quart import Blueprint
from quart_schema import tag, validate_request, validate_response

from autotune_service.store.rows.experiments import ExperimentRow
from autotune_service.tuning.aside import aside, n_values_of
from autotune_service.tuning.experiments import read_experiment
from autotune_service.tuning.questions import Question, ReplyAtRev, insights_question, predict_question, reply_to
from autotune_service.tuning.spaces import list_revisions
from autotune_service.web.blueprints.rules import rule_of
from autotune_service.web.calls import pending
from autotune_service.web.door import needs, user
from autotune_service.web.services import services
from autotune_wire import paths
from autotune_wire.insights import InsightsReply, Predict, PredictReply

blueprint = Blueprint("insights", __name__)


@blueprint.post(rule_of(paths.EXPERIMENT_PREDICT))
@needs("read", "viewer")
@tag(["insights"])
@validate_request(Predict)
@validate_response(PredictReply)
async def predict(exp_uuid: UUID, data: Predict) -> PredictReply:
    """Predict the responses of configurations, from all observations so far."""
    user_uuid = user()
    row = await read_experiment(services().store, user_uuid, exp_uuid)
    spaces = (await list_revisions(services().store, user_uuid, exp_uuid)).spaces if row.space_revision else []
    n_values = n_values_of(len(data.configurations), row.space, ())
    former = [space.covars for space in spaces]
    question = await aside(n_values, predict_question, row, data.configurations, former)
    found = await _reply(user_uuid, row, question)
    return PredictReply.model_validate(found.reply)


@blueprint.get(rule_of(paths.EXPERIMENT_INSIGHTS))
@needs("read", "viewer")
@tag(["insights"])
@validate_response(InsightsReply)
async def insights(exp_uuid: UUID) -> InsightsReply:
    """Return how well the model predicts, which covariates matter, and how the responses vary along each of them."""
    user_uuid = user()
    row = await read_experiment(services().store, user_uuid, exp_uuid)
    found = await _reply(user_uuid, row, insights_question())
    return InsightsReply.model_validate(found.reply)


async def _reply(user_uuid: UUID, row: ExperimentRow, question: Question) -> ReplyAtRev:
    own = services()
    attempt = partial(reply_to, own.store, user_uuid, row.exp_uuid, question, row.data_rev, own.limits)
    found = await own.hub.until(row.exp_uuid, attempt, own.ask_wait_s)
    if found is None:
        raise pending(own.ask_wait_s)
    return found
