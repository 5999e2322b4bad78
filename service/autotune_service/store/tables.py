"""The tables in SQLAlchemy Core, as the newest migration leaves them. The migrations create and change the tables."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON, UUID

SCHEMA = "autotune"
"""The schema of all tables, so that AutoTune can share a database with programs that have tables of the same names."""

VERSION_TABLE = "autotune_version"
"""The table that holds the revision, apart from the ``alembic_version`` of other programs that use Alembic."""

metadata = sa.MetaData(schema=SCHEMA)

_EXPERIMENT = "experiments.exp_uuid"
_JSON = JSON(none_as_null=True)  # json keeps the order of the user's covariates, jsonb does not


def _uuid(
    name: str, *keys: sa.ForeignKey, primary_key: bool = False, nullable: bool = False, unique: bool = False
) -> sa.Column[object]:
    return sa.Column(name, UUID(as_uuid=True), *keys, primary_key=primary_key, nullable=nullable, unique=unique or None)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _claim() -> list[sa.Column[object]]:
    """Build the columns of a worker's claim on a row.

    In the database the columns are still named ``lease_...``, as in the first version, because a service of an older
    version that runs during an upgrade reads them by these names.
    """
    return [
        sa.Column("lease_token", UUID(as_uuid=True), key="claim_token", nullable=True),
        sa.Column("lease_by", sa.Text, key="claim_by", nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), key="claim_until", nullable=True),
    ]


users = sa.Table(
    "users",
    metadata,
    _uuid("user_uuid", primary_key=True),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    # Whether it is known that the address is the user's.
    sa.Column("is_verified", sa.Boolean, nullable=False, server_default=sa.true()),
    _moment("created_at"),
    sa.Column("is_admin", sa.Boolean, nullable=False, server_default=sa.false()),
    # Set when the account is to be deleted: what is left of it then goes, experiment by experiment.
    _moment("deleted_at", nullable=True),
    sa.Index("users_by_age", "created_at", "user_uuid"),
    sa.Index("users_to_delete", "deleted_at", postgresql_where=sa.text("deleted_at IS NOT NULL")),
)

# What the brake on sign-ins counts, by address, account or pair of both.
sign_in_pots = sa.Table(
    "sign_in_pots",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("used", sa.Double, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    # When it last changed, or opens: later than now while it is closed.
    _moment("changed_at"),
    _moment("signed_in_at", nullable=True),
    sa.Index("sign_in_pots_by_age", "changed_at"),
)

invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("code_hash", sa.LargeBinary, primary_key=True),
    sa.Column("email", sa.Text, nullable=False),
    _uuid("invited_by", nullable=True),
    _moment("created_at"),
    _moment("expires_at"),
)

reset_codes = sa.Table(
    "reset_codes",
    metadata,
    sa.Column("code_hash", sa.LargeBinary, primary_key=True),
    _uuid("user_uuid", sa.ForeignKey("users.user_uuid", ondelete="CASCADE")),
    _uuid("issued_by", nullable=True),
    _moment("created_at"),
    _moment("expires_at"),
    sa.Index("reset_codes_of_user", "user_uuid"),
)

refresh_tokens = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    _uuid("user_uuid", sa.ForeignKey("users.user_uuid", ondelete="CASCADE")),
    _moment("expires_at"),
    # None if a service of before made the token.
    _uuid("session_uuid", sa.ForeignKey("sessions.session_uuid", ondelete="CASCADE"), nullable=True),
    # A token that was used stays, so that it is recognised when it comes again; next_hash is the token that followed.
    _moment("used_at", nullable=True),
    sa.Column("next_hash", sa.LargeBinary, nullable=True),
    sa.Index("refresh_tokens_by_age", "expires_at"),
    sa.Index("refresh_tokens_by_session", "session_uuid"),
)

# A session is one sign-in: of a browser, by its cookie, or of a program, by the refresh tokens that follow each other.
sessions = sa.Table(
    "sessions",
    metadata,
    _uuid("session_uuid", primary_key=True),
    _uuid("user_uuid", sa.ForeignKey("users.user_uuid", ondelete="CASCADE")),
    _moment("expires_at"),
    sa.Column("is_browser", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("ended_because", sa.Text, nullable=True),
    sa.Index("sessions_by_age", "expires_at"),
)

tickets = sa.Table(
    "tickets",
    metadata,
    sa.Column("ticket_hash", sa.LargeBinary, primary_key=True),
    _uuid("session_uuid", sa.ForeignKey("sessions.session_uuid", ondelete="CASCADE"), nullable=True),
    _uuid("token_uuid", sa.ForeignKey("automation_tokens.token_uuid", ondelete="CASCADE"), nullable=True),
    _moment("expires_at"),
)

automation_tokens = sa.Table(
    "automation_tokens",
    metadata,
    _uuid("token_uuid", primary_key=True),
    _uuid("user_uuid", sa.ForeignKey("users.user_uuid", ondelete="CASCADE")),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("token_hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("scopes", _JSON, nullable=False),
    sa.Column("experiments", _JSON, nullable=True),
    _moment("created_at"),
    _moment("expires_at", nullable=True),
    _moment("last_used_at", nullable=True),
    sa.Index("automation_tokens_of_user", "user_uuid"),
)

groups = sa.Table(
    "groups",
    metadata,
    _uuid("group_uuid", primary_key=True),
    _uuid("owner_uuid", sa.ForeignKey("users.user_uuid", ondelete="CASCADE")),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.UniqueConstraint("owner_uuid", "name"),
)

# People are members by their addresses, so that somebody can be invited who has no account yet.
group_members = sa.Table(
    "group_members",
    metadata,
    _uuid("group_uuid", sa.ForeignKey("groups.group_uuid", ondelete="CASCADE"), primary_key=True),
    sa.Column("email", sa.Text, primary_key=True),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Index("group_members_by_email", "email"),
)

members = sa.Table(
    "members",
    metadata,
    _uuid("exp_uuid", sa.ForeignKey(_EXPERIMENT, ondelete="CASCADE")),
    sa.Column("email", sa.Text, nullable=True),
    _uuid("group_uuid", sa.ForeignKey("groups.group_uuid", ondelete="CASCADE"), nullable=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.UniqueConstraint("exp_uuid", "email"),
    sa.UniqueConstraint("exp_uuid", "group_uuid"),
    sa.Index("members_by_email", "email", postgresql_where=sa.text("email IS NOT NULL")),
    sa.Index("members_by_group", "group_uuid", postgresql_where=sa.text("group_uuid IS NOT NULL")),
)

# How often a sign-in to an account was refused since a time, so that few of the refusals have a row of the audit.
refused_sign_ins = sa.Table(
    "refused_sign_ins",
    metadata,
    _uuid("user_uuid", sa.ForeignKey("users.user_uuid", ondelete="CASCADE"), primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
    _moment("since"),
)

# Rows are added; a trigger refuses to change or delete any. They outlive the users and experiments that they name.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    _moment("at"),
    _uuid("user_uuid", nullable=True),
    sa.Column("email", sa.Text, nullable=True),
    sa.Column("way", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=True),
    sa.Column("action", sa.Text, nullable=False),
    _uuid("exp_uuid", nullable=True),
    sa.Column("data", _JSON, nullable=False),
    # The account that the act was about, if it was not the account of who did it.
    _uuid("account_uuid", nullable=True),
    sa.Column("account", sa.Text, nullable=True),
    sa.Index("audit_of_experiment", "exp_uuid", "number", postgresql_where=sa.text("exp_uuid IS NOT NULL")),
    sa.Index("audit_of_user", "user_uuid", "number"),
    sa.Index("audit_of_account", "account_uuid", "number", postgresql_where=sa.text("account_uuid IS NOT NULL")),
)

experiments = sa.Table(
    "experiments",
    metadata,
    _uuid("exp_uuid", primary_key=True),
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
    _uuid("owner_uuid", sa.ForeignKey("users.user_uuid")),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("covars", _JSON, nullable=False),
    sa.Column("model_type", sa.Text, nullable=False),
    sa.Column("acq_func", sa.Text, nullable=False),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    _moment("created_at"),
    _moment("updated_at"),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("n_observations", sa.BigInteger, nullable=False),
    _uuid("best_observation_uuid", nullable=True),
    sa.Column("best_response", sa.Double, nullable=True),
    sa.Column("best_covars", _JSON, nullable=True),
    # The engine has work where data_rev > fit_rev or n_open < n_wanted; the worker that has the claim does it.
    # data_rev counts the observations and the changes of the space, fit_rev is the data_rev of the last fit.
    # n_open counts the open suggestions that any ask can take, so not those made for fixed values.
    sa.Column("data_rev", sa.BigInteger, nullable=False),
    sa.Column("fit_rev", sa.BigInteger, nullable=False),
    sa.Column("n_open", sa.Integer, nullable=False),
    sa.Column("n_wanted", sa.Integer, nullable=False),
    *_claim(),
    _moment("retry_at", nullable=True),
    sa.Column("responses", _JSON, nullable=False),
    sa.Column("constraints", _JSON, nullable=False),
    sa.Column("engine", sa.Text, nullable=False),
    sa.Column("stop", _JSON, nullable=True),
    sa.Column("stopped", _JSON, nullable=True),
    sa.Column("space_revision", sa.Integer, nullable=False),
    sa.Column("best_predicted", _JSON, nullable=True),
    # Time of the last claim; the experiment that was claimed longest ago comes first.
    sa.Column("fitted_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    # The pause of an experiment with the state "paused"; in other states what is left here means nothing.
    sa.Column("paused", _JSON, nullable=True),
    _uuid("paused_by", nullable=True),
    # Whether the last run of the engine took longer than short work may, see ``compute/worker.py``.
    sa.Column("is_long", sa.Boolean, nullable=False, server_default=sa.false()),
    # The earlier experiments that this one learns from; what they measured is in ``earlier_runs``.
    sa.Column("learn_from", _JSON, nullable=False, server_default="[]"),
    # Of the rows and events that were added, about; counted by ``record``.
    sa.Column("n_bytes", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("early_stop", _JSON, nullable=True),
    # What is said of the list of candidates without a look at its rows; NULL if there is none.
    sa.Column("candidates", _JSON, nullable=True),
    sa.Index("experiments_of_owner", "owner_uuid", sa.text("number DESC")),
    sa.Index("experiments_claimed", "owner_uuid", postgresql_where=sa.text("lease_token IS NOT NULL")),
    sa.Index(
        "experiments_with_work",
        "fitted_at",
        postgresql_where=sa.text("state = 'active' AND stopped IS NULL AND (data_rev > fit_rev OR n_open < n_wanted)"),
    ),
)

spaces = sa.Table(
    "spaces",
    metadata,
    _uuid("exp_uuid", sa.ForeignKey(_EXPERIMENT, ondelete="CASCADE"), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("covars", _JSON, nullable=False),
    sa.Column("constraints", _JSON, nullable=False),
    sa.Column("backfill", _JSON, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    _moment("created_at"),
)

# Rows of a list of candidates, a thousand in each block, by columns: the engine reads all of them for every fit.
candidate_blocks = sa.Table(
    "candidate_blocks",
    metadata,
    _uuid("exp_uuid", sa.ForeignKey(_EXPERIMENT, ondelete="CASCADE"), primary_key=True),
    # The number of its first row; a block has the next rows up to the first of the next block.
    sa.Column("first", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("covars", _JSON, nullable=False),
    sa.Column("details", _JSON, nullable=False),
    sa.Column("withdrawn", sa.ARRAY(sa.Integer), nullable=False),
    # A hash of each row's configuration, by which the rows of a run are found.
    sa.Column("keys", sa.ARRAY(sa.BigInteger), nullable=False),
)

suggestions = sa.Table(
    "suggestions",
    metadata,
    _uuid("suggestion_uuid", primary_key=True),
    _uuid("exp_uuid", sa.ForeignKey(_EXPERIMENT, ondelete="CASCADE")),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("covars", _JSON, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("mean", sa.Double, nullable=True),
    sa.Column("sd", sa.Double, nullable=True),
    sa.Column("data_rev", sa.BigInteger, nullable=False),
    _moment("created_at"),
    sa.Column("predictions", _JSON, nullable=False),
    sa.Column("acquisition", sa.Double, nullable=True),
    sa.Column("acquisition_kind", sa.Text, nullable=True),
    sa.Column("engine_version", sa.Text, nullable=True),
    sa.Column("seed", sa.BigInteger, nullable=True),
    sa.Column("data_seq", sa.BigInteger, nullable=True),
    sa.Column("seconds", sa.Double, nullable=True),
    sa.Column("fixed", _JSON, nullable=False),
    sa.Column("fixed_key", sa.Text, nullable=True),
    sa.Column("lease_by", sa.Text, nullable=True),
    _moment("lease_until", nullable=True),
    sa.Column("abandoned_because", sa.Text, nullable=True),
    sa.Column("candidate", _JSON, nullable=True),
    sa.Index("suggestions_pending", "exp_uuid", "seq", postgresql_where=sa.text("state IN ('open', 'leased')")),
    sa.Index("suggestions_leased", "lease_until", postgresql_where=sa.text("state = 'leased'")),
    sa.Index("suggestions_abandoned", "exp_uuid", "data_rev", postgresql_where=sa.text("state = 'abandoned'")),
)

observations = sa.Table(
    "observations",
    metadata,
    _uuid("exp_uuid", sa.ForeignKey(_EXPERIMENT, ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    _uuid("observation_uuid", unique=True),
    _uuid("suggestion_uuid", sa.ForeignKey("suggestions.suggestion_uuid"), nullable=True),
    sa.Column("covars", _JSON, nullable=False),
    sa.Column("response", sa.Double, nullable=True),
    _moment("created_at"),
    sa.Column("responses", _JSON, nullable=False),
    sa.Column("sds", _JSON, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("is_excluded", sa.Boolean, nullable=False),
    _uuid("told_by", nullable=True),
    sa.Column("failed_because", sa.Text, nullable=True),
    sa.Column("note", sa.Text, nullable=True),
    sa.Column("tags", _JSON, nullable=True),
    _uuid("noted_by", nullable=True),
    _moment("noted_at", nullable=True),
    # The step at which the run was stopped early, and its last value; None if it was not stopped.
    sa.Column("stopped_step", sa.BigInteger, nullable=True),
    sa.Column("stopped_value", sa.Double, nullable=True),
    sa.Column("candidate", sa.Integer, nullable=True),
    sa.Index("observations_of_candidate", "exp_uuid", "candidate", postgresql_where=sa.text("candidate IS NOT NULL")),
    sa.Index("observations_of_suggestion", "suggestion_uuid", postgresql_where=sa.text("suggestion_uuid IS NOT NULL")),
)

# What the earlier experiments had measured when this one was created; seq counts the runs of all of them from 1.
earlier_runs = sa.Table(
    "earlier_runs",
    metadata,
    _uuid("exp_uuid", sa.ForeignKey(_EXPERIMENT, ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    # The place of the earlier experiment in ``learn_from``, from 0.
    sa.Column("source", sa.Integer, nullable=False),
    sa.Column("covars", _JSON, nullable=False),
    sa.Column("responses", _JSON, nullable=False),
    sa.Column("sds", _JSON, nullable=False),
)

# All versions of each observation that was corrected, the first and the newest included.
observation_versions = sa.Table(
    "observation_versions",
    metadata,
    _uuid("observation_uuid", sa.ForeignKey("observations.observation_uuid", ondelete="CASCADE"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    _uuid("exp_uuid", sa.ForeignKey(_EXPERIMENT, ondelete="CASCADE")),
    sa.Column("covars", _JSON, nullable=False),
    sa.Column("response", sa.Double, nullable=True),
    sa.Column("responses", _JSON, nullable=False),
    sa.Column("sds", _JSON, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("is_excluded", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=True),
    _uuid("user_uuid", nullable=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    _moment("created_at"),
    sa.Column("failed_because", sa.Text, nullable=True),
    sa.Column("stopped_step", sa.BigInteger, nullable=True),
    sa.Column("stopped_value", sa.Double, nullable=True),
    sa.Index("observation_versions_of_experiment", "exp_uuid", "seq"),
)

# What a run reported while it was under way: a row for each run, which grows; seq is that of its first report's event.
curves = sa.Table(
    "curves",
    metadata,
    _uuid("exp_uuid", sa.ForeignKey(_EXPERIMENT, ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    # Goes with its suggestion, as services of before delete experiments without a look at this table.
    _uuid("suggestion_uuid", sa.ForeignKey("suggestions.suggestion_uuid", ondelete="CASCADE"), unique=True),
    # In ascending order, each step once; the values belong to the steps.
    sa.Column("steps", _JSON, nullable=False),
    sa.Column("values", _JSON, nullable=False),
    sa.Column("n_steps", sa.Integer, nullable=False),
    # Why the run is to be stopped, since the report at which the rule said so; None before.
    sa.Column("why", sa.Text, nullable=True),
    _moment("updated_at"),
)

events = sa.Table(
    "events",
    metadata,
    _uuid("exp_uuid", sa.ForeignKey(_EXPERIMENT, ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    _moment("created_at"),
    sa.Column("data", _JSON, nullable=False),
    sa.Column("traceparent", sa.Text, nullable=True),
)

questions = sa.Table(
    "questions",
    metadata,
    _uuid("question_uuid", primary_key=True),
    _uuid("exp_uuid", sa.ForeignKey(_EXPERIMENT, ondelete="CASCADE")),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", _JSON, nullable=False),
    sa.Column("body_key", sa.Text, nullable=False),
    sa.Column("data_rev", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("answer", _JSON, key="reply", nullable=True),
    sa.Column("failure", sa.Text, nullable=True),
    *_claim(),
    _moment("created_at"),
    _moment("answered_at", nullable=True),
    sa.Column("is_long", sa.Boolean, nullable=False, server_default=sa.false()),
    _uuid("asked_by", nullable=True),
    # A question is dropped where nobody waits for its reply any more: who waits prolongs this again and again.
    _moment("asked_until", nullable=True),
    sa.UniqueConstraint("exp_uuid", "kind", "body_key"),
    sa.Index("questions_waiting", "created_at", postgresql_where=sa.text("state = 'waiting'")),
    sa.Index("questions_asked_by", "asked_by"),
)

# The replies to requests with an Idempotency-Key; a request without a status is not finished.
requests = sa.Table(
    "answered_requests",
    metadata,
    _uuid("user_uuid", sa.ForeignKey("users.user_uuid", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("body_hash", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.Integer, nullable=True),
    sa.Column("answer", sa.Text, key="reply", nullable=False),
    _moment("created_at"),
    # Of a large reply: what is between its parts, compressed, and the hashes of the parts; its ``answer`` is empty.
    sa.Column("parts", sa.ARRAY(sa.LargeBinary), nullable=True),
    sa.Index("answered_requests_by_age", "created_at"),
)

# What many replies to a user have in common, as the configuration of a suggestion whose lease is renewed.
reply_parts = sa.Table(
    "reply_parts",
    metadata,
    _uuid("user_uuid", sa.ForeignKey("users.user_uuid", ondelete="CASCADE"), primary_key=True),
    sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    _moment("kept_at"),
    sa.Index("reply_parts_by_age", "kept_at"),
)

# How many replies were kept for a user in each hour, and how many bytes they have; counted a little late.
kept_replies = sa.Table(
    "kept_replies",
    metadata,
    _uuid("user_uuid", sa.ForeignKey("users.user_uuid", ondelete="CASCADE"), primary_key=True),
    sa.Column("hour", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("n_replies", sa.BigInteger, nullable=False),
    sa.Column("n_bytes", sa.BigInteger, nullable=False),
)

# The seconds that engine processes have worked for a user lately, as of ``counted_at``.
engine_use = sa.Table(
    "engine_use",
    metadata,
    _uuid("user_uuid", sa.ForeignKey("users.user_uuid", ondelete="CASCADE"), primary_key=True),
    sa.Column("seconds", sa.Double, nullable=False),
    _moment("counted_at"),
)

# A table of one row. Restoring a backup writes a new epoch, because the seqs of its events belong to another log.
log_epoch = sa.Table("log_epoch", metadata, _uuid("epoch"))
