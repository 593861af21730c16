import base64
import json
import re
import time
from pathlib import Path

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.webhook import sign

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/webhook_signatures.json").read_text())
ACCEPTED = [vector for vector in VECTORS if not vector["refused"]]

secrets = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
bodies = st.dictionaries(st.text(), st.text() | st.integers()).map(lambda v: json.dumps(v).encode())


def headers(secret="old", pending_secret=None, timestamp=1, body=b"{}", request_id=None):
    return sign.headers(
        secret=secret,
        pending_secret=pending_secret,
        event_id="evt_1",
        event_type="task.created",
        delivery_id="dlv_1",
        timestamp=timestamp,
        body=body,
        request_id=request_id,
    )


@pytest.mark.parametrize("vector", ACCEPTED, ids=lambda vector: vector["name"])
def test_agrees_with_openssl(vector):
    secret, body = vector["secret"], vector["body"].encode()
    made = sign.standard_signature(secret, vector["id"], vector["timestamp"], body)
    assert made == vector["webhook_signature"]
    assert sign.hex_signature(secret, body) == vector["hex_signature"]


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("whsec_AAECAw==", b"\x00\x01\x02\x03"),
        ("whsec_AAECAw", b"\x00\x01\x02\x03"),
        ("whsec_AAEC", b"\x00\x01\x02"),
        ("whsec_/w==", b"\xff"),
        ("whsec_", b"whsec_"),
        ("whsec_A", b"whsec_A"),
        ("whsec_==", b"whsec_=="),
        ("whsec_AAEC==", b"whsec_AAEC=="),
        ("whsec_AAECAw=", b"whsec_AAECAw="),
        ("whsec_AAEC\n", b"whsec_AAEC\n"),
        ("whsec_-_-_", b"whsec_-_-_"),
        ("whsec_ÀAEC", "whsec_ÀAEC".encode()),
        ("WHSEC_AAEC", b"WHSEC_AAEC"),
        ("AAECAw==", b"AAECAw=="),
        ("your-webhook-secret", b"your-webhook-secret"),
    ],
)
def test_standard_key(secret, key):
    assert sign.standard_key(secret) == key
    assert sign.whsec_form(secret) == f"whsec_{base64.b64encode(key).decode()}"


@given(st.binary(min_size=1))
def test_any_key_comes_back_from_base64(key):
    encoded = base64.b64encode(key).decode()
    assert sign.standard_key(f"whsec_{encoded}") == key
    assert sign.standard_key(f"whsec_{encoded.rstrip('=')}") == key


@given(secrets | st.from_regex(r"\Awhsec_[A-Za-z0-9+/=]{0,12}\Z"))
def test_whsec_form_signs_alike(secret):
    form = sign.whsec_form(secret)
    assert sign.standard_key(form) == sign.standard_key(secret)
    assert sign.whsec_form(form) == form


@given(secrets, secrets, bodies)
def test_the_stock_library_verifies_with_either_secret(secret, pending, body):
    sent = headers(secret, pending, int(time.time()), body)
    for each in (secret, pending):
        found = standardwebhooks.Webhook(sign.whsec_form(each)).verify(body, sent)
        assert found == json.loads(body)


@pytest.mark.parametrize("secret", ["whsec_AAECAw==", "whsec_AAECAw", "whsec_/w=="])
def test_the_stock_library_takes_a_whsec_secret_as_typed(secret):
    standardwebhooks.Webhook(secret).verify(b"{}", headers(secret, timestamp=int(time.time())))


def test_headers():
    body = b'{"type":"task.created"}'
    assert headers(timestamp=1767225600, body=body) == {
        "Content-Type": "application/json",
        "X-Kyros-Signature": sign.hex_signature("old", body),
        "X-Kyros-Event": "task.created",
        "X-Kyros-Delivery": "dlv_1",
        "webhook-id": "evt_1",
        "webhook-timestamp": "1767225600",
        "webhook-signature": sign.standard_signature("old", "evt_1", 1767225600, body),
    }


def test_headers_name_the_request_of_the_work():
    assert headers(request_id="req_1")["X-Request-Id"] == "req_1"


def test_headers_while_a_secret_is_pending():
    sent = headers("old", "new")
    assert sent["X-Kyros-Signature"] == sign.hex_signature("old", b"{}")
    assert sent["webhook-signature"].split(" ") == [
        sign.standard_signature("old", "evt_1", 1, b"{}"),
        sign.standard_signature("new", "evt_1", 1, b"{}"),
    ]


@given(secrets, bodies)
def test_header_of_receivers_that_compare_one_value(secret, body):
    assert re.fullmatch("[0-9a-f]{64}", sign.hex_signature(secret, body))


def test_new_secrets():
    made = {sign.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(len(sign.standard_key(secret)) == 32 for secret in made)
    assert all(sign.whsec_form(secret) == secret for secret in made)
