"""The rules of the brake on sign-ins: what an address may try, and how long it waits when it has tried too much.

Who signs in, signs up, refreshes a token or resets a password draws on the pot of the client's address. A pot has room
for some attempts that failed, and each is forgotten after a while. The attempt that fills the pot closes it for some
seconds; then there is room for half as many attempts. Each closing is twice as long as the one before, up to a bound,
and a quiet time makes the next one shorter again. Nothing here lasts: the longest wait is the bound.

An address from which a user has signed in before has a pot of its own for that user. So neither strangers elsewhere nor
neighbours behind the same address keep the user out. An account has a pot as well, with twice the room, on which all
others draw. While it is closed, an address that never signed in to the account may try it again only when all of its
own attempts are forgotten. So a stranger has one guess from each of many addresses, and an honest user who travels gets
in.
"""

import ipaddress
import math
from dataclasses import dataclass, replace

_PREFIX_V6 = 64
"""One customer has at least this network of IPv6 addresses (RFC 6177), so all addresses in it count as one."""
_MAX_LEVEL = 30


@dataclass(frozen=True, slots=True)
class BrakeRules:
    """The sizes of the brake.

    Attributes:
        attempts: How many attempts that failed a pot has room for.
        forget_s: After how many seconds one of them is forgotten.
        pause_s: How long a pot is closed when it was filled the first time.
        longest_pause_s: How long a pot is closed at most.
        calm_s: After how many seconds without a closing the next one is half as long again.
        hold_s: How long a request waits for its turn before it is refused.
    """

    attempts: int = 10
    forget_s: float = 10.0
    pause_s: float = 3.0
    longest_pause_s: float = 900.0
    calm_s: float = 900.0
    hold_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Pot:
    """What is counted of one address, account or pair of both, as it is now.

    Attributes:
        used: How many attempts count.
        level: How often the pot was closed, less what a quiet time has made up for.
        opens_in_s: For how many seconds the pot is still closed; not positive if it is open.
        idle_s: How many seconds ago it last changed or opened.
        is_known: Whether the user has signed in from the address lately; of pairs alone.
        is_fresh: Whether that is known for the day.
    """

    used: float = 0.0
    level: int = 0
    opens_in_s: float = 0.0
    idle_s: float = 0.0
    is_known: bool = False
    is_fresh: bool = False


def rested(pot: Pot, rules: BrakeRules) -> Pot:
    """Return the pot after the time in which nothing was tried: attempts are forgotten, and closings made up for."""
    idle_s = max(pot.idle_s, 0.0)
    used = max(pot.used - idle_s / rules.forget_s, 0.0)
    return replace(pot, used=used, level=max(pot.level - int(idle_s / rules.calm_s), 0), idle_s=0.0)


def wait_s(pot: Pot, rules: BrakeRules, *, has_one_attempt: bool = False) -> float:
    """Return after how many seconds an attempt may be made; 0 means now.

    Args:
        pot: The pot that the attempt draws on, rested.
        rules: The sizes.
        has_one_attempt: Whether nothing may count in the pot, however much room it has.
    """
    until_empty_s = pot.used * rules.forget_s if has_one_attempt else 0.0
    return max(pot.opens_in_s, until_empty_s, 0.0)


def charged(pot: Pot, rules: BrakeRules) -> Pot:
    """Return the pot after one more attempt that counts; the attempt that fills it closes it.

    Args:
        pot: The pot, rested.
        rules: The sizes.
    """
    if pot.opens_in_s > 0:  # attempts that ran side by side: the first of them has closed it
        return pot
    if math.ceil(pot.used) + 1 < rules.attempts:  # an attempt that is forgotten in part still counts
        return replace(pot, used=pot.used + 1)
    pause_s = min(rules.pause_s * 2 ** min(pot.level, _MAX_LEVEL), rules.longest_pause_s)
    return replace(pot, used=rules.attempts / 2, level=pot.level + 1, opens_in_s=pause_s)


def of_accounts(rules: BrakeRules) -> BrakeRules:
    """Return the sizes for the pots of accounts: no single address fills them before its own pot is closed."""
    return replace(rules, attempts=rules.attempts * 2)


def network_of(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # a client without an address, as on a socket of the machine
        return address[:64] or "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ipaddress.ip_network((parsed, _PREFIX_V6), strict=False))
        parsed = parsed.ipv4_mapped
    return str(parsed)
