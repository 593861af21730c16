import base64
import json
import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

from kyros import webhooks
from kyros.webhooks import WebhookVerificationError, verify
from kyros_worker.webhook import sign

ROOT = Path(__file__).parents[3]
VECTORS = json.loads((ROOT / "tests/vectors/webhook_signatures.json").read_text())
ACCEPTED = [vector for vector in VECTORS if not vector["refused"]]
REFUSED = [vector for vector in VECTORS if vector["refused"]]
SENTENCES = {
    "wrong signature": "No signature in webhook-signature matches|X-Kyros-Signature does not match",
    "stale timestamp": "too old|from the future",
    "missing header": "not signed|is missing",
    "no time": "covers no time",
    "malformed signature": "not 64 lower-case hexadecimal digits",
    "malformed timestamp": "not a time in seconds",
}
AT = 1767225600
BODY = b'{"id":"evt_1","type":"task.created","data":{}}'

secrets = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
bodies = st.dictionaries(st.text(), st.text() | st.integers()).map(lambda v: json.dumps(v).encode())


def sent(secret="old", pending_secret=None, timestamp=AT, body=BODY):
    return sign.headers(
        secret=secret,
        pending_secret=pending_secret,
        event_id="evt_1",
        event_type="task.created",
        delivery_id="dlv_1",
        timestamp=timestamp,
        body=body,
    )


def only_bare(headers):
    return {"X-Kyros-Signature": headers["X-Kyros-Signature"]}


@pytest.mark.parametrize("vector", ACCEPTED, ids=lambda vector: vector["name"])
def test_accepts_what_openssl_signed(vector):
    body = vector["body"].encode()
    standard = {
        "webhook-id": vector["id"],
        "webhook-timestamp": str(vector["timestamp"]),
        "webhook-signature": vector["webhook_signature"],
    }
    secret, now = vector["secret"], vector["now"]
    assert verify(body, standard, secret, now=now) == json.loads(body)
    bare = {"X-Kyros-Signature": vector["hex_signature"]}
    for headers in (standard, bare):
        assert verify(body, headers, secret, now=now, allow_untimed=True) == json.loads(body)


@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector["name"])
def test_refuses_what_it_must(vector):
    with pytest.raises(WebhookVerificationError, match=SENTENCES[vector["refused"]]):
        verify(
            vector["body"].encode(),
            vector["headers"],
            vector["secret"],
            now=vector["now"],
            allow_untimed=vector["allow_untimed"],
        )


@given(secrets, secrets, bodies)
def test_agrees_with_the_server(secret, pending, body):
    headers = sent(secret, pending, body=body)
    for each in (secret, pending):
        assert verify(body, headers, each, now=AT) == json.loads(body)
    assert verify(body, only_bare(headers), secret, allow_untimed=True) == json.loads(body)


@given(st.binary(min_size=1, max_size=64), bodies)
def test_agrees_with_the_stock_library(key, body):
    stock = standardwebhooks.Webhook(key)
    secret = f"whsec_{base64.b64encode(key).decode()}"
    at = int(time.time())
    signature = stock.sign("msg_1", datetime.fromtimestamp(at, UTC), body.decode())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1a,other v1,{'A' * 43}= {signature}",
    }
    assert verify(body, headers, secret) == json.loads(body)


@given(st.data())
def test_no_changed_byte_is_accepted(data):
    headers = data.draw(st.sampled_from([sent(), only_bare(sent())]))
    at = data.draw(st.integers(0, len(BODY) - 1))
    changed = bytearray(BODY)
    changed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(WebhookVerificationError, match="match"):
        verify(bytes(changed), headers, "old", now=AT, allow_untimed=True)


names = st.sampled_from(
    ["webhook-id", "Webhook-Timestamp", "WEBHOOK-SIGNATURE", "x-kyros-signature", "Other"]
)
hostile = st.text(st.characters(), max_size=80) | st.sampled_from(list(sent().values()))


@given(st.dictionaries(names, hostile), st.binary(max_size=20), st.booleans())
def test_hostile_requests_are_refused_in_a_sentence(headers, body, allow_untimed):
    with pytest.raises(WebhookVerificationError, match=r"\.$|\?$"):
        verify(body, headers, "another secret", now=AT, allow_untimed=allow_untimed)


class Lower(Mapping):
    """Headers of a framework that knows their lower-case names only."""

    def __init__(self, headers):
        self.headers = {name.lower(): value for name, value in headers.items()}

    def __getitem__(self, name):
        return self.headers[name]

    def __iter__(self):
        return iter(self.headers)

    def __len__(self):
        return len(self.headers)


@pytest.mark.parametrize(
    "of",
    [dict, Lower, Headers, lambda headers: {name.upper(): headers[name] for name in headers}],
)
def test_headers_of_any_framework_and_case(of):
    assert verify(BODY, of(sent()), "old", now=AT)["id"] == "evt_1"
    bare = of(only_bare(sent()))
    assert verify(BODY, bare, "old", allow_untimed=True)["id"] == "evt_1"


@pytest.mark.parametrize(
    ("now", "tolerance", "sentence"),
    [
        (AT, 0, None),
        (AT + 300, 300, None),
        (AT - 300, 300, None),
        (AT + 300.5, 300, "too old"),
        (AT - 300.5, 300, "from the future"),
        (AT + 3600, 3600, None),
        (AT + 1, 0, "too old"),
        (AT, math.nan, "too old"),
        (math.nan, 300, "too old"),
    ],
)
def test_tolerance(now, tolerance, sentence):
    if sentence is None:
        assert verify(BODY, sent(), "old", now=now, tolerance=tolerance)
        return
    with pytest.raises(WebhookVerificationError, match=sentence):
        verify(BODY, sent(), "old", now=now, tolerance=tolerance)


def test_the_clock_is_this_machines():
    assert verify(BODY, sent(timestamp=int(time.time())), "old")
    with pytest.raises(WebhookVerificationError, match="too old"):
        verify(BODY, sent(timestamp=int(time.time()) - 400), "old")


@pytest.mark.parametrize(
    "timestamp", ["", " 1", "-1", "1.5", "1e9", "nan", "\u0663", "1" * 13, "1\n", "\ud800"]
)
def test_times_that_are_none(timestamp):
    headers = {**sent(), "webhook-timestamp": timestamp}
    with pytest.raises(WebhookVerificationError, match="webhook-timestamp is"):
        verify(BODY, headers, "old", now=AT)


@pytest.mark.parametrize("body", [b"", b"[1]", b'"a"', b"{", b"\xff", b"[" * 100_000])
def test_signed_but_no_event(body):
    for headers in (sent(body=body), only_bare(sent(body=body))):
        with pytest.raises(WebhookVerificationError, match="signed, but is not"):
            verify(body, headers, "old", now=AT, allow_untimed=True)


def test_mistakes_of_the_caller_are_no_verification_errors():
    with pytest.raises(TypeError, match="bytes of the body"):
        verify(BODY.decode(), sent(), "old", now=AT)
    with pytest.raises(ValueError, match="secret is empty"):
        verify(BODY, sent(""), "", now=AT)


def test_each_failure_has_its_own_sentence():
    written = re.findall(
        r'WebhookVerificationError\(\s*f?"([^"]+)"', Path(webhooks.__file__).read_text()
    )
    assert len(written) == len(set(written)) == 11


def test_readme(monkeypatch):
    monkeypatch.setenv("KYROS_WEBHOOK_SECRET", "old")
    page = (ROOT / "sdks/python/README.md").read_text().partition("## Receiving webhooks")[2]
    code = re.search("```python\n(.*?)```", page, re.DOTALL)
    sample = {"__name__": "sample"}
    exec(code[1], sample)  # noqa: S102 - our own document
    client = sample["app"].test_client()
    good = sent(timestamp=int(time.time()))
    assert client.post("/webhooks/kyros", data=BODY, headers=good).status_code == 200
    bad = client.post("/webhooks/kyros", data=BODY + b" ", headers=good)
    assert bad.status_code == 401
    assert bad.json["error"] == "No signature in webhook-signature matches."
