# Values as bytes, between a program and what checks it. Only plain types cross, by their exact type: an object with its
# own idea of equality becomes the plain value that it is a kind of, or nothing. What comes from a program is read with
# limits on size, count and depth, and makes nothing but plain values.

import os

MOST_BYTES = 8 << 20
MOST_VALUES = 1 << 20
DEEPEST = 100


class Unsendable(Exception):
    """A value that does not cross, or bytes that are no value."""


def encode(value):
    parts = []
    append_value(value, parts, 0)
    data = b"".join(parts)
    if len(data) > MOST_BYTES:
        raise Unsendable("more than " + str(MOST_BYTES >> 20) + " MiB")
    return data


def append_value(value, parts, depth):
    if depth > DEEPEST:
        raise Unsendable("nested more than " + str(DEEPEST) + " deep")
    kind = type(value)
    if value is None:
        parts.append(b"N")
    elif kind is bool:
        parts.append(b"T" if value else b"F")
    elif isinstance(value, int):
        append_sized(b"i", int.__format__(value, "x").encode(), parts)
    elif isinstance(value, float):
        append_sized(b"f", float.hex(value).encode(), parts)
    elif isinstance(value, complex):
        halves = float.hex(complex.real.__get__(value)) + " " + float.hex(complex.imag.__get__(value))
        append_sized(b"c", halves.encode(), parts)
    elif isinstance(value, str):
        append_sized(b"s", str.encode(value, "utf-8", "surrogatepass"), parts)
    elif isinstance(value, (bytes, bytearray)):
        append_sized(b"b" if isinstance(value, bytes) else b"a", bytes(value), parts)
    elif isinstance(value, range):
        append_all(b"r", [value.start, value.stop, value.step], parts, depth)
    elif isinstance(value, list):
        append_all(b"l", list.__iter__(value), parts, depth)
    elif isinstance(value, tuple):
        append_all(b"t", tuple.__iter__(value), parts, depth)
    elif isinstance(value, set):
        append_all(b"S", set.__iter__(value), parts, depth)
    elif isinstance(value, frozenset):
        append_all(b"Z", frozenset.__iter__(value), parts, depth)
    elif isinstance(value, dict):
        append_all(b"d", [part for item in dict.items(value) for part in item], parts, depth)
    elif hasattr(kind, "__index__"):  # whole numbers of other makes, such as NumPy's
        append_sized(b"i", int.__format__(kind.__index__(value), "x").encode(), parts)
    else:
        raise Unsendable("a value of type " + kind.__name__)


def append_sized(mark, data, parts):
    parts.append(mark + len(data).to_bytes(4, "big") + data)


def append_all(mark, values, parts, depth):
    values = list(values)
    parts.append(mark + len(values).to_bytes(4, "big"))
    for value in values:
        append_value(value, parts, depth + 1)


def decode(data):
    """The value that `data` is, or Unsendable."""
    try:
        value, end, _ = read_value(data, 0, MOST_VALUES, 0)
    except (ValueError, TypeError, OverflowError, UnicodeError, IndexError) as error:
        raise Unsendable("no value: " + str(error))
    if end != len(data):
        raise Unsendable("more than one value")
    return value


PLAIN = {
    b"i": lambda data: int(data, 16),
    b"f": lambda data: float.fromhex(data.decode("ascii")),
    b"c": lambda data: complex(*(float.fromhex(half) for half in data.decode("ascii").split(" "))),
    b"s": lambda data: data.decode("utf-8", "surrogatepass"),
    b"b": bytes,
    b"a": bytearray,
}
MANY = {
    b"l": list,
    b"t": tuple,
    b"S": set,
    b"Z": frozenset,
    b"r": lambda values: range(*values),
    b"d": lambda values: dict(zip(values[::2], values[1::2])),
}


def read_value(data, at, left, depth):
    """The value at `at`, where it ends, and how many more may come."""
    if depth > DEEPEST or left <= 0:
        raise Unsendable("nested too deep, or too many values")
    mark = data[at : at + 1]
    if mark in (b"N", b"T", b"F"):
        return {b"N": None, b"T": True, b"F": False}[mark], at + 1, left - 1
    if mark not in PLAIN and mark not in MANY:
        raise Unsendable("no value")
    size, at = int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
    if size > len(data) - at:
        raise Unsendable("cut off")
    if mark in PLAIN:
        return PLAIN[mark](data[at : at + size]), at + size, left - 1
    values, left = [], left - 1
    for _ in range(size):
        value, at, left = read_value(data, at, left, depth + 1)
        values.append(value)
    return MANY[mark](values), at, left


def send(fd, value):
    data = encode(value)
    data = len(data).to_bytes(4, "big") + data
    while data:
        data = data[os.write(fd, data) :]


def receive(fd):
    """The next value, or EOFError where none comes any more."""
    size = int.from_bytes(exactly(fd, 4), "big")
    if size > MOST_BYTES:
        raise Unsendable("more than " + str(MOST_BYTES >> 20) + " MiB")
    return decode(exactly(fd, size))


def exactly(fd, size):
    parts = []
    while size > 0:
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            raise EOFError("cut off")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
