import pytest

from autotune_service.store.backups.postgres_tools import libpq_environment
from autotune_service.store.server.address import Address, UrlError

PASSWORD = "hunter2hunter2"


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://h/db", [("h", 5432)]),
        ("postgres://u:p@h:6000/db", [("h", 6000)]),
        ("postgresql://u@h1:5433,h2:5434/db", [("h1", 5433), ("h2", 5434)]),
        ("postgresql://u@h1,h2:5434/db", [("h1", 5432), ("h2", 5434)]),
        ("postgresql://[::1]:6000,[fe80::2]/db", [("::1", 6000), ("fe80::2", 5432)]),
        ("postgresql:///db?host=h1,h2&port=1,2", [("h1", 1), ("h2", 2)]),
        ("postgresql:///db?host=h1,h2&port=7", [("h1", 7), ("h2", 7)]),
        ("postgresql:///db?host=h1:1,h2:2", [("h1", 1), ("h2", 2)]),
        ("postgresql://ignored:1/db?host=h1", [("h1", 5432)]),
        ("postgresql://u:@/db?host=/run/sockets", [("/run/sockets", 5432)]),
        ("postgresql://%2Frun%2Fsockets/db", [("/run/sockets", 5432)]),
        ("postgresql://u@/db?hostaddr=10.0.0.1&host=h", [("10.0.0.1", 5432)]),
        ("postgresql://u@/db?hostaddr=10.0.0.1&sslmode=verify-full", [("10.0.0.1", 5432)]),
        ("postgresql://u@h/db?hostaddr=10.0.0.1&sslmode=verify-ca", [("10.0.0.1", 5432)]),
        ("postgresql:///db", []),
    ],
)
def test_hosts_are_read_as_postgres_programs_read_them(monkeypatch, url, hosts):
    monkeypatch.delenv("PGPORT", raising=False)
    assert [(host.name, host.number) for host in Address.of(url).hosts] == hosts


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h/db", {"user": "u", "password": "p", "database": "db"}),
        ("postgresql://a%40b:p%3Aw%2Fd@h/na%20me", {"user": "a@b", "password": "p:w/d", "database": "na me"}),
        ("postgresql://u:p@ss#1@h/db", {"user": "u", "password": "p@ss#1", "database": "db"}),
        ("postgresql://h/?user=u&password=p%26+q&dbname=d", {"user": "u", "password": "p&+q", "database": "d"}),
        ("postgresql://h:5432/db?user=me@here", {"user": "me@here", "password": None, "database": "db"}),
        ("postgresql://u@h/me%40here", {"user": "u", "password": None, "database": "me@here"}),
        ("postgresql://h", {"user": None, "password": None, "database": None}),
    ],
)
def test_login_is_read(url, expected):
    address = Address.of(url)
    arguments = address.arguments(address.hosts[0])
    assert {name: arguments[name] for name in expected} == expected


@pytest.mark.parametrize(
    "parameter",
    [
        "connect_timeout=5", "channel_binding=prefer", "channel_binding=require", "keepalives=1", "keepalives=0",
        "keepalives_idle=30", "tcp_user_timeout=10000", "target_session_attrs=read-write", "sslmode=verify-full",
        "sslmode=require&sslrootcert=system", "ssl=true", "application_name=mine", "options=-c%20geqo%3Doff",
        "gssencmode=disable", "load_balance_hosts=random", "client_encoding=utf8", "sslsni=1", "sslcertmode=allow",
    ],
)  # fmt: skip
def test_parameters_of_providers_are_no_settings_of_the_server(parameter):
    assert Address.of(f"postgresql://u@h/db?{parameter}").settings == {}


def test_what_only_the_server_knows_is_a_setting():
    assert Address.of("postgresql://u@h/db?work_mem=8%20MB&sslmode=require").settings == {"work_mem": "8 MB"}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://h/db", "must start with postgresql://"),
        ("postgresql+asyncpg://h/db", "must start with postgresql://"),
        ("postgresql://h:port/db", "a port from 0 to 65535"),
        ("postgresql://h:70000/db", "a port from 0 to 65535"),
        ("postgresql://h:-1/db", "a port from 0 to 65535"),
        ("postgresql:///db?host=a,b,c&port=1,2", "3 hosts and 2 ports"),
        ("postgresql://u:p@[::1/d", "between two brackets"),
        ("postgresql://u:p@::1]:5432/d", "between two brackets"),
        ("postgresql://u:p@[[::1]:5432/d", "between two brackets"),
        ("postgresql:///d?host=%5B::1", "between two brackets"),
        ("postgresql://h1,,h2/db", "a name for each host"),
        ("postgresql://h/db?sslmode=loud", "has sslmode='loud'"),
        ("postgresql://h/db?target_session_attrs=standby", "has target_session_attrs='standby'"),
        ("postgresql://h/db?connect_timeout=soon", "has connect_timeout='soon'"),
        ("postgresql://h/db?keepalives_idle=32768", "has keepalives_idle='32768'.*at most 32767"),
        ("postgresql://h/db?keepalives_interval=40000", "has keepalives_interval='40000'.*at most 32767"),
        ("postgresql://h/db?keepalives_count=128", "has keepalives_count='128'.*at most 127"),
        ("postgresql://h/db?hostaddr=10.0.0.1&sslmode=verify-full", "leave hostaddr out"),
        ("postgresql:///db?host=h&hostaddr=10.0.0.1&sslmode=verify-full", "leave hostaddr out"),
        ("postgresql://h/db?sslcrldir=/x", "has the parameter sslcrldir"),
        ("postgresql://h/db?sslmode", "name=value"),
        ("postgresql://u:pa/ss@h/db", "must be written as %2F"),
        ("postgresql://u:pa?ss@h/db", "must be written as %2F"),
        ("postgresql://u:12/ss@h/db", "must be written as %2F"),
        ("postgresql://u:12?s=s@h/db", "must be written as %2F"),
        ("postgresql://u:12/s?s=s@h/db", "must be written as %2F"),
        ("postgresql://u:p@12/ss@h/db", "must be written as %2F"),
    ],
)
def test_url_that_cannot_be_used_is_refused_with_what_is_wrong(url, said):
    with pytest.raises(UrlError, match=said):
        Address.of(url)


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{PASSWORD}@h/db",
        f"postgresql://u:{PASSWORD}/x@h:port/db",
        f"postgresql://u:{PASSWORD}@h:port/db",
        f"postgresql://u:{PASSWORD}@h/db?sslmode=loud",
        f"postgresql://u:1/{PASSWORD}@h/db?sslmode",
    ],
)
def test_error_shows_no_password(url):
    with pytest.raises(UrlError) as caught:
        Address.of(url)
    assert "hunter2" not in str(caught.value)


def test_address_shows_no_password():
    address = Address.of(f"postgresql://u:{PASSWORD}@h/db?sslpassword={PASSWORD}")
    assert "hunter2" not in f"{address!r} {address} {address.hosts!r} {address.warnings}"


def test_several_hosts_are_asked_for_the_primary():
    assert Address.of("postgresql://h1,h2/db").parameters["target_session_attrs"] == "read-write"
    assert Address.of("postgresql://h1,h2/db?target_session_attrs=any").parameters["target_session_attrs"] == "any"
    assert "target_session_attrs" not in Address.of("postgresql://h1/db").parameters


def test_protection_that_the_driver_lacks_is_warned_of():
    (warning,) = Address.of("postgresql://h/db?channel_binding=require").warnings
    assert "channel_binding=require" in warning
    assert Address.of("postgresql://h/db?channel_binding=prefer").warnings == []


def test_postgres_programs_find_the_same_database():
    told = libpq_environment(
        "postgresql://u:p@h1:1,h2:2/db?connect_timeout=5&keepalives=1&channel_binding=require&options=-c%20a%3D1&jit=off"
    )
    names = ("PGHOST", "PGPORT", "PGCONNECT_TIMEOUT", "PGCHANNELBINDING", "PGTARGETSESSIONATTRS", "PGOPTIONS")
    assert [told[name] for name in names] == ["h1,h2", "1,2", "5", "require", "read-write", "-c a=1 -c jit=off"]
