"""Everything here is compared with a real Node, one process for all documents."""

import base64
import json
import math
import random
import struct
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyros_worker import javascript_json
from tests.hostile_json import FLOATS, INTEGERS, KEYS, PIECES

NODE = """
const lines = require('readline').createInterface({input: process.stdin});
lines.on('line', (line) => {
  const answers = JSON.parse(line).map((text) => JSON.stringify(JSON.parse(text)));
  process.stdout.write(Buffer.from(answers.join('\\n')).toString('base64') + '\\n');
});
"""

texts = st.lists(st.characters() | st.sampled_from(PIECES), max_size=12).map("".join)
keys = st.sampled_from(KEYS) | st.integers(0, 2**33).map(str) | texts
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.sampled_from(FLOATS)
    | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=30,
)  # fmt: skip


@pytest.fixture(scope="module")
def stringified():
    """Gives `JSON.stringify(JSON.parse(text))` of each text."""
    with subprocess.Popen(
        ["node", "-e", NODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:

        def answers(*texts):
            process.stdin.write(json.dumps(texts).encode() + b"\n")
            process.stdin.flush()
            return base64.b64decode(process.stdout.readline()).split(b"\n")

        yield answers
        process.stdin.close()


def any_text(chance):
    return "".join(chance.choices(PIECES, k=chance.randrange(6)))


def any_key(chance):
    return chance.choice([chance.choice(KEYS), str(chance.randrange(2**33)), any_text(chance)])


def any_float(chance):
    kind = chance.randrange(4)
    if kind == 0:
        return chance.choice(FLOATS)
    if kind == 1:
        return chance.randrange(-(10**6), 10**6) * 10.0 ** chance.randrange(-30, 30)
    if kind == 2:
        return round(chance.uniform(-1000, 1000), chance.randrange(8))
    value = struct.unpack("<d", chance.randbytes(8))[0]
    return value if math.isfinite(value) else 0.5


def any_value(chance, depth=3):
    kind = chance.randrange(8 if depth else 5)
    if kind == 0:
        return chance.choice([None, True, False])
    if kind == 1:
        return chance.choice([chance.choice(INTEGERS), chance.randrange(-(2**53), 2**53 + 1)])
    if kind == 2:
        return any_float(chance)
    if kind in (3, 4):
        return any_text(chance)
    if kind == 5:
        return [any_value(chance, depth - 1) for _ in range(chance.randrange(5))]
    return {any_key(chance): any_value(chance, depth - 1) for _ in range(chance.randrange(8))}


def test_agrees_with_node_on_many_documents(stringified):
    chance = random.Random(20)
    for _ in range(100):
        documents = [any_value(chance) for _ in range(250)]
        made = [javascript_json.dumps(document) for document in documents]
        assert stringified(*map(json.dumps, documents)) == made
        assert stringified(*(body.decode() for body in made)) == made


@settings(max_examples=300)
@given(value=values)
def test_agrees_with_node(stringified, value):
    made = javascript_json.dumps(value)
    assert stringified(json.dumps(value), made.decode()) == [made, made]


@given(value=st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(FLOATS))
def test_numbers_come_back(value):
    assert float(javascript_json.dumps(value)) == value


@pytest.mark.parametrize("value", FLOATS + INTEGERS + PIECES + [{key: 1} for key in KEYS])
def test_agrees_with_node_on_each_of_the_hostile_ones(stringified, value):
    assert stringified(json.dumps(value)) == [javascript_json.dumps(value)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1e-7, "1e-7"),
        (0.00001, "0.00001"),
        (1.23e-5, "0.0000123"),
        (1e16, "10000000000000000"),
        (1e21, "1e+21"),
        (1e22, "1e+22"),
        (-0.0, "0"),
        (50.0, "50"),
        (math.nan, "null"),
        ([math.inf, -math.inf], "[null,null]"),
        (2**53, "9007199254740992"),
        (2**53 + 1, '"9007199254740993"'),
        (-(2**53) - 1, '"-9007199254740993"'),
        (10**30, f'"1{"0" * 30}"'),
        (True, "true"),
        ("\x7f\u2028é😀", '"\x7f\u2028é😀"'),
        ('\x00\x08\x1f"\\/', '"\\u0000\\b\\u001f\\"\\\\/"'),
        ("\ud800", '"\\ud800"'),
        ("\udfff\ud83d\ude00", '"\\udfff😀"'),
        ({"b": 1, "10": 1, "2": 1}, '{"2":1,"10":1,"b":1}'),
        ({"\ud800": 1, "10": 1, "2": 1e-7}, '{"2":1e-7,"10":1,"\\ud800":1}'),
        ({"\ud83d\ude00": 1, "a": 2, "😀": 3}, '{"😀":3,"a":2}'),
        ({"a": (1, 2)}, '{"a":[1,2]}'),
    ],
)
def test_bytes(value, expected):
    assert javascript_json.dumps(value) == expected.encode()


def test_deeper_than_orjson_goes():
    value = 1.0
    for _ in range(300):
        value = [value]
    assert javascript_json.dumps(value) == b"[" * 300 + b"1" + b"]" * 300


@pytest.mark.parametrize("value", [object(), {"a": {1}}, {1: 2}, ["\ud800", object()], b"a"])
def test_what_json_has_not_is_refused(value):
    with pytest.raises(TypeError):
        javascript_json.dumps(value)


def test_leaves_the_value_as_it_was():
    value = {"b": [1.0, 2**60], "1": {"c": math.nan}}
    javascript_json.dumps(value)
    assert list(value) == ["b", "1"]
    assert value["b"] == [1.0, 2**60]
