import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker import strict_json
from kyros_worker.errors import InvalidError, MalformedRequestError

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=30,
)  # fmt: skip


@given(values, st.booleans())
def test_agrees_with_json_on_valid_documents(value, escaped):
    body = json.dumps(value, ensure_ascii=escaped)
    assert strict_json.loads(body.encode()) == json.loads(body)
    assert json.loads(strict_json.dumps(value)) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body):
    try:
        found = strict_json.loads(body)
    except (MalformedRequestError, InvalidError):
        return
    assert found == json.loads(body)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "line 1, column 1"),
        (b"{", "line 1, column 2"),
        (b'{"a": 1,}', "line 1"),
        (b'{"a": 1} x', "Extra data at line 1, column 10"),
        (b'{"a"\n: tru}', "line 2, column 3"),
        (b"'a'", "line 1"),
        (b"[01]", "line 1"),
        (b"[1e]", "line 1"),
        (b'"\x00"', "Invalid control character"),
        (b"\xef\xbb\xbf{}", "line 1"),
        (b'"\xff"', "byte 1"),
        (b'"\xed\xa0\x80"', "byte 1"),
        (b'{"a": 1, "a": 1}', '"a" is repeated'),
        (b'{"b": [{"a": 1, "c": 2, "a": 3}]}', '"a" is repeated'),
        (b'{"a": 1, "\\u0061": 1}', '"a" is repeated'),
        (b'{"\\ud800": 1, "\\ud800": 1}', "\\ud800"),
        (b"[" * 60, "line 1"),
    ],
)
def test_malformed_is_400(body, place):
    with pytest.raises(MalformedRequestError) as caught:
        strict_json.loads(body)
    assert caught.value.status == 400
    assert place in caught.value.message


def wrong(body):
    with pytest.raises(InvalidError) as caught:
        strict_json.loads(body)
    assert caught.value.status == 422
    return {detail.field: detail.message for detail in caught.value.details}


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (b"NaN", {""}),
        (b'{"a": [1, NaN, Infinity], "b": -Infinity}', {"a[1]", "a[2]", "b"}),
        (b'{"a": {"b": [{"c": 1e400}]}}', {"a.b[0].c"}),
        (b"[-1e999, " + b"9" * 400 + b".0]", {"[0]", "[1]"}),
        (b'{"a": "x\\u0000", "b": "\\u0000"}', {"a", "b"}),
        (b'{"a\\u0000": 1}', {"a\\u0000"}),
        (b'{"a": ["ok \\ud83d\\ude00", "\\ud83d"]}', {"a[1]"}),
        (b'{"\\udc00": {"b": NaN}}', {"\\udc00", "\\udc00.b"}),
        (b"[" + b"9" * 65_537 + b', "\\u0000"]', {"[0]", "[1]"}),
    ],
)
def test_what_no_value_may_hold_is_422_with_every_place(body, places):
    assert set(wrong(body)) == places


def test_backslashes_that_only_look_like_escapes_are_text():
    assert strict_json.loads(b'["\\\\u0000", "\\\\ud800"]') == ["\\u0000", "\\ud800"]


def test_nesting():
    deepest = b"[" * 64 + b"]" * 64
    strict_json.loads(deepest)
    strict_json.loads(b'{"a":' * 64 + b"1" + b"}" * 64)
    strict_json.loads(b"[" + b"[]," * 500 + b"[]]")
    assert set(wrong(b'{"a":[' + deepest + b"]}")) == {"a" + "[0]" * 63}
    assert set(wrong(b"[" * 100_000)) == {""}
    assert set(wrong(b"[" * 500 + b"]" * 500))


def test_integers_of_any_reasonable_size_come_back():
    body = b"[-" + b"9" * 65_536 + b"]"
    assert strict_json.dumps(strict_json.loads(body)).encode() == body


def test_many_wrong_places_and_long_names_stay_short():
    assert len(wrong(b"[" + b"NaN," * 1000 + b"1]")) == 50
    assert max(map(len, wrong(b'{"' + b"k" * 5000 + b'": NaN}'))) == 200


def test_canonical_ignores_the_order_of_keys_alone():
    assert strict_json.canonical({"b": [1, 2], "a": 1}) == strict_json.canonical(
        {"a": 1, "b": [1, 2]}
    )
    assert strict_json.canonical([1, 2]) != strict_json.canonical([2, 1])


def test_dumps_is_compact_unicode_without_nan():
    assert strict_json.dumps({"a": [1, "é\u2028"], "b": None}) == '{"a":[1,"é\u2028"],"b":null}'
    assert strict_json.dumps([float("nan"), float("inf")]) == "[null,null]"
    with pytest.raises(TypeError):
        strict_json.dumps({"a": {1, 2}})


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, {"a": [10**400]}, 1e16, 1e-7, -0.0])
def test_numbers_come_back_as_they_were(value):
    assert repr(strict_json.loads(strict_json.dumps(value).encode())) == repr(value)
