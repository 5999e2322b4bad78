"""Who has which role on an experiment: its owner, people by their addresses, and groups of people."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from autotune_service.store.database import Store, Work
from autotune_service.store.statements import Statement
from autotune_service.store.tables import experiments, group_members, groups, members, users
from autotune_wire.access import Role

_USER: sa.BindParameter[Any] = sa.bindparam("user_uuid")
_OF_EXPERIMENT = members.c.exp_uuid == experiments.c.exp_uuid
_RANKS: dict[Role, int] = {"editor": 3, "teller": 2, "viewer": 1}


def _constant(constant: str | int) -> sa.ColumnElement[Any]:
    return sa.literal_column(repr(constant))


_RANK = sa.case(*[(members.c.role == _constant(role), _constant(rank)) for role, rank in _RANKS.items()])


def _address(user: Any) -> tuple[sa.ScalarSelect[Any], sa.ScalarSelect[Any]]:
    """Build a user's address, and the time from which what is given to the address is the user's.

    What was given to an address before its account was made counts only if the address is known to be the user's:
    anybody can sign up with the address of somebody else.
    """
    of_user = users.c.user_uuid == user
    email = sa.select(users.c.email).where(of_user).scalar_subquery()
    always: sa.ColumnElement[Any] = sa.literal_column("'-infinity'::timestamptz")
    since = sa.select(sa.case((users.c.is_verified, always), else_=users.c.created_at)).where(of_user).scalar_subquery()
    return email, since


def _shares(user: Any, *columns: Any) -> tuple[sa.Select[Any], sa.Select[Any]]:
    """Select what the rows of ``members`` say that are for a user: those by the address, and those by a group.

    These are two queries, as Postgres finds no index for a condition with an ``or`` between them.
    """
    email, since = _address(user)
    by_address = sa.select(*columns).where(members.c.email == email, members.c.created_at >= since)
    by_group = (
        sa.select(*columns)
        .join_from(members, group_members, group_members.c.group_uuid == members.c.group_uuid)
        .where(group_members.c.email == email, group_members.c.created_at >= since)
    )
    return by_address, by_group


def is_visible(user: Any = _USER) -> sa.ColumnElement[bool]:
    """Build the condition that a user has a role on the row of ``experiments``.

    Args:
        user: The user's uuid; by default the parameter ``user_uuid`` of the statement.
    """
    is_shared = [sa.exists(share.where(_OF_EXPERIMENT)) for share in _shares(user, sa.literal_column("1"))]
    return sa.or_(experiments.c.owner_uuid == user, *is_shared)


def _role(user: Any = _USER) -> sa.ColumnElement[Any]:
    """Build the role of a user on the row of ``experiments``, null if there is none."""
    ranks = [share.where(_OF_EXPERIMENT).scalar_subquery() for share in _shares(user, sa.func.max(_RANK))]
    rank: sa.ColumnElement[Any] = sa.func.greatest(*ranks)
    is_owner = experiments.c.owner_uuid == user
    cases = [(is_owner, _constant("owner"))] + [(rank == _constant(n), _constant(role)) for role, n in _RANKS.items()]
    return sa.case(*cases).label("role")


_GET_ROLE = Statement(sa.select(_role()).where(experiments.c.exp_uuid == sa.bindparam("exp_uuid")))
_UUIDS = [sa.cast(sa.bindparam(name), sa.ARRAY(sa.Uuid())) for name in ("user_uuids", "exp_uuids")]
_PAIR = (
    sa.func.unnest(*_UUIDS)
    .table_valued(sa.column("user_uuid", sa.Uuid()), sa.column("exp_uuid", sa.Uuid()))
    .render_derived()
)
_ROLES = Statement(
    sa.select(_PAIR.c.user_uuid, _PAIR.c.exp_uuid, _role(_PAIR.c.user_uuid)).join(
        experiments, experiments.c.exp_uuid == _PAIR.c.exp_uuid
    )
)

SHARED_WITH = sa.union(*_shares(_USER, members.c.exp_uuid))
"""The experiments that are shared with the user ``user_uuid``."""


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A role on an experiment, of a person or of a group; ``has_account`` is None for a group."""

    email: str | None
    group: str | None
    role: Role
    has_account: bool | None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group with the addresses of its people."""

    group_uuid: UUID
    name: str
    owner_uuid: UUID
    owner: str
    emails: list[str]


async def get_role(work: Work | Store, exp_uuid: UUID, user_uuid: UUID) -> Role | None:
    """Find a user's role on an experiment; None if there is none, or no such experiment."""
    row = await work.one(_GET_ROLE(exp_uuid=exp_uuid, user_uuid=user_uuid))
    return None if row is None else row["role"]


async def list_members(work: Work, exp_uuid: UUID) -> list[MemberRow]:
    """List the people and groups with a role on an experiment, the owner first."""
    owner = (
        sa.select(users.c.email)
        .join(experiments, experiments.c.owner_uuid == users.c.user_uuid)
        .where(experiments.c.exp_uuid == exp_uuid)
    )
    owned = [MemberRow(row["email"], None, "owner", True) for row in await work.all(owner)]
    shared = (
        sa.select(
            members.c.email,
            groups.c.name.label("group"),
            members.c.role,
            users.c.user_uuid.is_not(sa.null()).label("has_account"),
        )
        .outerjoin(groups, groups.c.group_uuid == members.c.group_uuid)
        .outerjoin(users, users.c.email == members.c.email)
        .where(members.c.exp_uuid == exp_uuid)
        .order_by(members.c.created_at, members.c.email, groups.c.name)
    )
    rows = await work.all(shared)
    return owned + [
        MemberRow(row["email"], row["group"], row["role"], row["has_account"] if row["email"] else None) for row in rows
    ]


async def put_member(work: Work, exp_uuid: UUID, *, email: str | None, group_uuid: UUID | None, role: Role) -> None:
    """Give a person or a group a role on an experiment, instead of the one it has."""
    values = {"exp_uuid": exp_uuid, "email": email, "group_uuid": group_uuid, "role": role}
    by = ["exp_uuid", "email" if email is not None else "group_uuid"]
    change = {"role": role, "created_at": sa.func.now()}
    await work.run(insert(members).values(**values).on_conflict_do_update(index_elements=by, set_=change))


async def delete_member(work: Work, exp_uuid: UUID, *, email: str | None, group_uuid: UUID | None) -> bool:
    """Take the role of a person or a group away; return False if there was none."""
    who = members.c.email == email if email is not None else members.c.group_uuid == group_uuid
    query = sa.delete(members).where(members.c.exp_uuid == exp_uuid, who).returning(members.c.role)
    return await work.one(query) is not None


async def count_members(work: Work, exp_uuid: UUID) -> int:
    """Count the people and groups that an experiment is shared with."""
    row = await work.one(sa.select(sa.func.count().label("n")).where(members.c.exp_uuid == exp_uuid))
    return 0 if row is None else int(row["n"])


async def add_group(work: Work, owner_uuid: UUID, name: str) -> UUID | None:
    """Store a group; return None if the owner has one of this name."""
    query = (
        insert(groups)
        .values(group_uuid=uuid4(), owner_uuid=owner_uuid, name=name)
        .on_conflict_do_nothing(index_elements=["owner_uuid", "name"])
        .returning(groups.c.group_uuid)
    )
    row = await work.one(query)
    return None if row is None else row["group_uuid"]


async def get_group_uuid(work: Work, owner_uuid: UUID, name: str) -> UUID | None:
    """Find a group by its owner and name."""
    query = sa.select(groups.c.group_uuid).where(groups.c.owner_uuid == owner_uuid, groups.c.name == name)
    row = await work.one(query)
    return None if row is None else row["group_uuid"]


async def get_group_with_role(work: Work, exp_uuid: UUID, name: str, owner_uuid: UUID) -> UUID | None:
    """Find a group with a role on an experiment by its name: the owner's, or else that of an owner of before."""
    query = (
        sa.select(groups.c.group_uuid)
        .join(members, members.c.group_uuid == groups.c.group_uuid)
        .where(members.c.exp_uuid == exp_uuid, groups.c.name == name)
        .order_by((groups.c.owner_uuid == owner_uuid).desc(), groups.c.group_uuid)
        .limit(1)
    )
    row = await work.one(query)
    return None if row is None else row["group_uuid"]


async def list_groups(work: Work, user_uuid: UUID, group_uuid: UUID | None = None) -> list[GroupRow]:
    """List the groups that a user owns or is in, by name; or one of them alone.

    Where it is not known that the user has the address, only those count that the address was put into since it has
    an account, as for what is shared.
    """
    email, since = _address(user_uuid)
    has = sa.select(group_members.c.group_uuid).where(
        group_members.c.email == email, group_members.c.created_at >= since
    )
    query = (
        sa.select(groups, users.c.email.label("owner"))
        .join(users, users.c.user_uuid == groups.c.owner_uuid)
        .where(sa.or_(groups.c.owner_uuid == user_uuid, groups.c.group_uuid.in_(has)))
        .order_by(groups.c.name, groups.c.group_uuid)
    )
    if group_uuid is not None:
        query = query.where(groups.c.group_uuid == group_uuid)
    found = await work.all(query)
    emails = await _emails(work, [row["group_uuid"] for row in found])
    return [
        GroupRow(row["group_uuid"], row["name"], row["owner_uuid"], row["owner"], emails.get(row["group_uuid"], []))
        for row in found
    ]


async def _emails(work: Work, group_uuids: Sequence[UUID]) -> dict[UUID, list[str]]:
    query = sa.select(group_members).where(group_members.c.group_uuid.in_(group_uuids)).order_by(group_members.c.email)
    emails: dict[UUID, list[str]] = {}
    for row in await work.all(query):
        emails.setdefault(row["group_uuid"], []).append(row["email"])
    return emails


async def add_to_group(work: Work, group_uuid: UUID, email: str) -> None:
    """Put an address into a group."""
    change = {"created_at": sa.func.now()}
    query = insert(group_members).values(group_uuid=group_uuid, email=email)
    await work.run(query.on_conflict_do_update(index_elements=["group_uuid", "email"], set_=change))


async def remove_from_group(work: Work, group_uuid: UUID, email: str) -> None:
    """Take an address out of a group."""
    is_member = sa.and_(group_members.c.group_uuid == group_uuid, group_members.c.email == email)
    await work.run(sa.delete(group_members).where(is_member))


async def delete_group(work: Work, group_uuid: UUID) -> None:
    """Delete a group; what was shared with it is shared no longer."""
    await work.run(sa.delete(groups).where(groups.c.group_uuid == group_uuid))


async def list_roles(work: Work, pairs: Collection[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Role | None]:
    """List the roles of users on experiments, by (user, experiment); an experiment that is not there is left out."""
    user_uuids, exp_uuids = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    rows = await work.all(_ROLES(user_uuids=user_uuids, exp_uuids=exp_uuids))
    return {(row["user_uuid"], row["exp_uuid"]): row["role"] for row in rows}
