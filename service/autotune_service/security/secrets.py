"""Whether a secret can be guessed: a sample of somebody's manual, a pattern of the keyboard, words, or too short."""

import base64
import hashlib
import math
import re
from itertools import pairwise

MIN_BYTES = 32
_MIN_BITS = 90.0
_MIN_PASSWORD_BYTES, _MIN_PASSWORD_BITS = 12, 38.0
_SAMPLE_WORDS = (
    *("change", "secret", "password", "passwd", "passphrase", "example", "sample", "default", "replace", "placeholder"),
    *("insecure", "unsafe", "yourkey", "yourtoken", "please", "generate", "private", "fillin", "fixme", "testing"),
    *("development", "production", "staging", "postgres", "autotune", "pgadmin", "signing", "letmein", "qwerty"),
    *("dummy", "mykey", "apikey", "random", "nothing"),
)
"""Words of secrets that stand in manuals and examples; a random text of 64 letters has one of them once in 20,000."""
_PUBLISHED = frozenset(
    {
        # pragma: allowlist nextline secret -- from FastAPI's manual
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        # pragma: allowlist nextline secret -- from Flask's manual
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    }
)
_DIGESTED = ("", "secret", "password", "changeme", "test", "admin", "autotune", "postgres", "dev")
_DIGESTS = frozenset(
    hashlib.new(name, word.encode(), usedforsecurity=False).hexdigest()
    for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
    for word in _DIGESTED
)
_LEET = str.maketrans("013457@$", "oieastas")
_KEYBOARD = ("`1234567890-=", "qwertyuiop[]\\", "asdfghjkl;'", "zxcvbnm,./", "qwertzuiop", "azertyuiop", "yxcvbnm,.-")
_NEXT_KEYS = frozenset(pair for row in _KEYBOARD for way in (row, row[::-1]) for pair in pairwise(way))
_WORD = re.compile(r"[A-Z]?[a-z]{4,}|[A-Z]{4,}")
_PHRASE = re.compile(r"(?:[a-z]+|[A-Z]+|(?:[A-Z][a-z]+)+)(?:[\W_]+(?:[a-z]+|[A-Z]+|(?:[A-Z][a-z]+)+))*[\W\d_]*")
_LEAST_PHRASE = 20  # letters
_LEAST_DECODED = 9  # of random bytes, as many are letters and signs by chance once in 8,000 times
_YEAR = re.compile(r"(?:19|20)\d\d")
_CONSONANTS = re.compile(r"[^aeiouy]{5,}")
_KNOWN_BITS = 8.0  # a repetition or a sequence: where it begins, how long it is
_LETTER_BITS = 2.0  # of a word; Shannon (1951) measured 0.6 to 1.3 bits for a letter of English text


def weakness_of_secret(secret: str) -> str | None:
    """Return what makes a signing secret weak, as the end of a sentence that begins with "is"; None if it is strong.

    The answer never repeats a part of the secret.
    """
    return _weakness_of(secret, MIN_BYTES, _MIN_BITS)


def weakness_of_password(password: str, user: str = "") -> str | None:
    """Return what makes the password of a database or a page for its administrators weak; None if it is strong.

    Guessing it takes a connection for each try, so it may be shorter than a secret that signs.

    Args:
        password: The password.
        user: Whose password it is: a password that holds the user's name is weak.
    """
    if len(user) > 2 and user.lower() in password.lower():
        return "the user's own name, or made of it"
    return _weakness_of(password, _MIN_PASSWORD_BYTES, _MIN_PASSWORD_BITS)


def estimated_bits(text: str) -> float:
    """Estimate how many bits it takes to write a text down for somebody who knows how people make up secrets.

    Random characters cost the logarithm of their alphabet's size. What continues a sequence, repeats what came before
    or can be spoken like a word costs as good as nothing.
    """
    each = math.log2(_alphabet_size(text))
    n_letters = len(re.sub(r"[^a-zA-Z]", "", text))
    if n_letters >= _LEAST_PHRASE and _PHRASE.fullmatch(text):
        return min(_LETTER_BITS * n_letters, _estimated_bits_of_parts(text, each))
    return _estimated_bits_of_parts(text, each)


def _estimated_bits_of_parts(text: str, each: float) -> float:
    words = {found.start(): len(found[0]) for found in _WORD.finditer(text) if not _CONSONANTS.search(found[0].lower())}
    bits, at = 0.0, 0
    while at < len(text):
        known = max(_sequence_length(text, at), _repetition_length(text, at))
        word = words.get(at, 0)
        known = max(known, 4 * bool(_YEAR.match(text, at)))
        if known * each > max(_KNOWN_BITS, word * (each - _LETTER_BITS) + _KNOWN_BITS):
            bits, at = bits + _KNOWN_BITS, at + known
        elif word:
            bits, at = bits + _LETTER_BITS * word, at + word
        else:
            bits, at = bits + each, at + 1
    return bits


def _weakness_of(text: str, least_bytes: int, least_bits: float) -> str | None:
    if len(text.encode(errors="surrogatepass")) < least_bytes:
        return f"under {least_bytes} bytes"
    lower = text.lower()
    if lower in _PUBLISHED or lower in _DIGESTS:
        return "one that is published, so that everybody knows it"
    plain = re.sub(r"[^a-z]", "", lower)
    spoken = re.sub(r"[^a-z]", "", lower.translate(_LEET))
    if any(word in way for word in _SAMPLE_WORDS for way in (plain, spoken, plain[::-1])):
        return "a sample, or made of words that everybody uses for one"
    if estimated_bits(text) < least_bits:
        return "easily guessed: made of words, sequences or repetitions"
    decoded = _decoded(text)
    return None if decoded is None else _weakness_of(decoded, 0, least_bits)


def _decoded(text: str) -> str | None:
    """Return the readable text that another one is the base64 or the hexadecimal digits of; None if it is of none."""
    for decode in (bytes.fromhex, base64.b64decode, base64.urlsafe_b64decode):
        try:
            decoded = decode(text).decode("ascii")
        except ValueError:
            continue
        if len(decoded) >= _LEAST_DECODED and decoded.isprintable():
            return decoded
    return None


def _alphabet_size(text: str) -> int:
    if re.fullmatch(r"[0-9]*", text):
        return 10
    if re.fullmatch(r"[0-9a-f-]*|[0-9A-F-]*", text):
        return 16
    kinds = ((r"[a-z]", 26), (r"[A-Z]", 26), (r"[0-9]", 10), (r"[^a-zA-Z0-9]", 8))
    return sum(size for pattern, size in kinds if re.search(pattern, text))


def _sequence_length(text: str, at: int) -> int:
    """Return how long the sequence is that begins at a place: abcd, 9876, aaaa, qwer, or two by turns, as 1q2w3e."""
    lengths = [0]
    for stride, least in ((1, 4), (2, 6)):
        end = at + stride
        while end < len(text) and _follows(text[end - stride].lower(), text[end].lower()):
            end += 1
        if end - at >= least:
            lengths.append(end - at)
    return max(lengths)


def _follows(before: str, after: str) -> bool:
    return abs(ord(after) - ord(before)) <= 1 or (before, after) in _NEXT_KEYS


def _repetition_length(text: str, at: int) -> int:
    """Return how long the part that begins at a place stood in the text before, if three characters or more."""
    lower = text.lower()
    length = 3
    while at + length <= len(lower) and lower[at : at + length] in lower[: at + length - 1]:
        length += 1
    return length - 1 if length > 3 else 0
