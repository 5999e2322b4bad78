"""Hostile requests and frames, drawn by hypothesis: valid ones with something that does not belong there."""

import base64
import json
from typing import Any

from hypothesis import strategies as st

_PLACE = "@@place@@"

FRAGMENTS = [
    b"NaN", b"-Infinity", b"1e400", b"-1e400", b"1" + b"0" * 400, b"-0", b"1e-400", b"9007199254740993", b"true",
    b"null", b'""', b'" "', b'"\\u0000"', b'"\\ud800"', b'"\\udfff\\ud800"', b'"\xff"', b'"\xed\xa0\x80"', b"[]", b"{}",
    b'"' + b"x" * 70_000 + b'"', b"[" * 3000 + b"]" * 3000, b"[" * 50_000, b'{"a":' * 2000 + b"1" + b"}" * 2000,
    b"[" + b"1," * 5000 + b"1]", b'{"__proto__":{"x":1}}', b'"${jndi:ldap://x}"', b'"%s%n{0}{x}"', b"'", b"\x00", b"",
    b'"\\u202e\\ufeff"', b'"\'; DROP TABLE users; --"', b'"../../etc/passwd"', b'"1e5"', b"0x10", b"01", b"[[1]]",
    b'"00000000-0000-0000-0000-000000000000"', b'{"$ref":"#"}', b"1.7976931348623157e308", b"5e-324",
]  # fmt: skip
"""JSON, and what is none, to stand in the place of a value."""

NAMES = ["", " ", "\x00", "\ud800", "x" * 5000, "__class__", "a.b[0]", "covars", "op", "id", "\u202e", "-1"]
"""Names of fields that a message does not have, or not there."""

_CONTENT_TYPES = [
    b"application/json", b"application/json; charset=utf-16", b"text/plain", b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=x", b"application/json; charset=nonsense", b"\xff", b"", b"application/xml",
]  # fmt: skip
_HEADERS = [
    (b"Idempotency-Key", b""), (b"Idempotency-Key", b"\xff\xfe"), (b"Idempotency-Key", b"k" * 5000),
    (b"Origin", b"null"), (b"Origin", b"http://[::1"), (b"Origin", b"http://evil.example"),
    (b"Cookie", b"autotune=\xff"), (b"Cookie", b"autotune=eyJ9.x.y; autotune=z"), (b"Accept", b"\xff"),
    (b"Accept-Encoding", b"gzip;q=nonsense"),
    (b"Content-Encoding", b"gzip"), (b"If-None-Match", b"*"), (b"Range", b"bytes=-1"), (b"traceparent", b"00-\xff-1-x"),
    (b"X-Forwarded-For", b"127.0.0.1, \xff"), (b"Forwarded", b"for=unknown;;;"), (b"X-HTTP-Method-Override", b"DELETE"),
    (b"Sec-Fetch-Site", b"\xff"), (b"Expect", b"nonsense"), (b"Date", b"x" * 3000),
    (b"Host", b"x" * 64), (b"Host", b""), (b"Host", b"\xff.\xff"), (b"Host", b"evil.example"), (b"Host", b"a..b:x"),
]  # fmt: skip
_UNSIGNED = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=")
_CREDENTIALS = [
    b"", b"Bearer", b"Bearer ", b"Bearer \xff\xfe", b"Bearer " + b"a" * 9000, b"Bearer autotune_" + b"x" * 43,
    b"Bearer " + _UNSIGNED + b".e30.", b"Bearer .." , b"Bearer a.b.c", b"Basic", b"Basic !!!!", b"Basic " + b"=" * 20,
    b"Basic " + base64.b64encode(b"\xff\xfe"), b"Basic " + base64.b64encode(b"no colon"), b"Digest x", b"\x80",
    b"Basic " + base64.b64encode("\x00:\ud800".encode("utf-8", "surrogatepass")),
]  # fmt: skip
"""Values of the header Authorization that are nobody's."""

_QUERIES = [
    b"after=1e400", b"after=-1", b"after=" + b"9" * 400, b"limit=0", b"limit=" + b"9" * 30, b"limit=%00", b"%ff=%fe",
    b"after=%ed%a0%80", b"fixed=%7B", b"fixed=" + b"%5B" * 2000, b"fixed=null", b"x=1", b"after=a&after=b", b"&&=&",
    b"fixed=%7B%22v1%22%3A1e999%7D", b"%", b"%zz", b"limit=1%26", b"a" * 3000, b"after=%00", b"tag=%F0%9F", b"+",
]  # fmt: skip


def at_a_place(draw: Any, body: Any) -> bytes:
    """Draw a body as JSON text, with a fragment in the place of one of its values, or with a field too many."""
    places = list(_places(body))
    holder, key = draw(st.sampled_from(places)) if places else (None, None)
    copied = json.loads(json.dumps(body))
    if holder is None:
        return draw(st.sampled_from(FRAGMENTS))
    inner = copied
    for step in holder:
        inner = inner[step]
    kind = draw(st.sampled_from(["value", "value", "value", "name", "missing", "twice"]))
    fragment = draw(st.sampled_from(FRAGMENTS))
    if kind == "missing":
        del inner[key]
    elif kind == "name" and isinstance(inner, dict):
        inner[draw(st.sampled_from(NAMES))] = _PLACE
    else:
        inner[key] = _PLACE
    text = json.dumps(copied).encode()
    text = text.replace(b'"' + _PLACE.encode() + b'"', fragment)
    return b"[" + text + b"," + text + b"]" if kind == "twice" else text


def _places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield path, step
        yield from _places(inner, (*path, step))


@st.composite
def texts(draw: Any, bodies: list[Any]) -> bytes:
    """Draw what is sent as a body or a frame: nearly one of some valid ones, or no JSON at all."""
    kind = draw(st.sampled_from(["place", "place", "place", "place", "cut", "fragment", "bytes", "valid"]))
    if kind == "fragment":
        return draw(st.sampled_from(FRAGMENTS))
    if kind == "bytes":
        return draw(st.binary(max_size=200))
    body = draw(st.sampled_from(bodies))
    if kind == "place":
        return at_a_place(draw, body)
    text = json.dumps(body).encode()
    return text[: draw(st.integers(0, len(text)))] if kind == "cut" else text


@st.composite
def headers(draw: Any) -> list[tuple[bytes, bytes]]:
    """Draw headers that a client sends by mistake or on purpose; most requests have none of them."""
    found = draw(st.lists(st.sampled_from(_HEADERS), max_size=2))
    kind = draw(st.sampled_from([b"application/json"] * 6 + _CONTENT_TYPES))
    return [*found, (b"Content-Type", kind)]


def credentials() -> st.SearchStrategy[bytes]:
    return st.sampled_from(_CREDENTIALS)


def queries() -> st.SearchStrategy[bytes]:
    """Draw the query of a URL, as it goes over the wire; most have none."""
    return st.just(b"") | st.sampled_from(_QUERIES)
