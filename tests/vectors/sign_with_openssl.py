"""Writes webhook_signatures.json, signed by OpenSSL's command and by nothing of ours.

Run by hand after a change to the cases: `python tests/vectors/sign_with_openssl.py`.
"""

import base64
import json
import subprocess
from pathlib import Path

AT = 1767225600
TYPED = "your-webhook-secret"
KEY = bytes(range(32))
WHSEC = f"whsec_{base64.b64encode(KEY).decode()}"
EVENT = '{"id":"evt_1","type":"task.completed","created_at":"2026-01-01T00:00:00Z","data":{}}'
HOSTILE = (
    '{"type":"task.created","data":{"2":1,"10":1e-7,"title":"é 😀 \u2028 \x7f \ufeff \U0010ffff'
    ' \\ud800 \\u001f \\"\\\\ </script> %s $(id) \'","big":"9007199254740993"}}'
)
#: Name, the secret as typed, the key of webhook-signature, the body.
ACCEPTED = [
    ("a secret as typed", TYPED, TYPED.encode(), EVENT),
    ("a secret in base64", WHSEC, KEY, EVENT),
    ("base64 without its padding", "whsec_AAECAw", bytes(range(4)), EVENT),
    ("one byte in base64", "whsec_/w==", b"\xff", EVENT),
    ("a prefix with nothing behind it", "whsec_", b"whsec_", EVENT),
    ("what is no base64", "whsec_a-b_c", b"whsec_a-b_c", EVENT),
    ("too much padding", "whsec_AAEC==", b"whsec_AAEC==", EVENT),
    ("one character too many", "whsec_AAECA", b"whsec_AAECA", EVENT),
    ("base64 without the prefix", "AAECAw==", b"AAECAw==", EVENT),
    ("a secret that is no ASCII", "sésame 😀", "sésame 😀".encode(), EVENT),
    ("a secret longer than a block", "long" * 40, b"long" * 40, EVENT),
    ("hostile text", TYPED, TYPED.encode(), HOSTILE),
    ("the test event", WHSEC, KEY, '{"type":"test","data":{}}'),
]


def signed(key, message):
    """HMAC-SHA256 by `openssl dgst`."""
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}"]
    return subprocess.run([*command, "-binary"], input=message, stdout=-1, check=True).stdout


def accepted(name, secret, key, body, at=AT):
    signature = base64.b64encode(signed(key, f"evt_1.{at}.{body}".encode())).decode()
    return {
        "name": name,
        "secret": secret,
        "id": "evt_1",
        "timestamp": at,
        "now": AT,
        "body": body,
        "hex_signature": signed(secret.encode(), body.encode()).hex(),
        "webhook_signature": f"v1,{signature}",
        "refused": None,
    }


def headers(case):
    standard = {
        "webhook-id": case["id"],
        "webhook-timestamp": str(case["timestamp"]),
        "webhook-signature": case["webhook_signature"],
    }
    return standard, {"X-Kyros-Signature": case["hex_signature"]}


def refused(name, reason, case, headers, *, allow_untimed=False):
    return {
        "name": name,
        "secret": case["secret"],
        "now": case["now"],
        "body": case["body"],
        "headers": headers,
        "allow_untimed": allow_untimed,
        "refused": reason,
    }


def main():
    cases = [accepted(*each) for each in ACCEPTED]
    standard, bare = headers(cases[0])
    both = standard | bare
    other_standard, other_bare = headers(accepted("", "another", b"another", EVENT))
    stale, _ = headers(accepted("", TYPED, TYPED.encode(), EVENT, AT - 301))
    future, _ = headers(accepted("", TYPED, TYPED.encode(), EVENT, AT + 301))
    unsigned = {name: standard[name] for name in ("webhook-id", "webhook-timestamp")}
    version = standard["webhook-signature"].replace("v1,", "v2,")
    upper = {"X-Kyros-Signature": bare["X-Kyros-Signature"].upper()}
    prefixed = {"X-Kyros-Signature": f"sha256={bare['X-Kyros-Signature']}"}
    cases += [
        refused(name, reason, cases[0], sent)
        for name, reason, sent in [
            ("another secret", "wrong signature", other_standard),
            ("another id", "wrong signature", standard | {"webhook-id": "evt_2"}),
            ("another version", "wrong signature", standard | {"webhook-signature": version}),
            # A good bare signature does not save a bad one of the better scheme.
            ("wrong beside a good bare one", "wrong signature", other_standard | bare),
            ("five minutes and a second old", "stale timestamp", stale | bare),
            ("five minutes and a second ahead", "stale timestamp", future),
            ("no timestamp that is one", "malformed timestamp",
             standard | {"webhook-timestamp": "soon"}),
            ("no header at all", "missing header", {}),
            ("a good bare one alone", "no time", bare),
            ("no webhook-signature", "missing header", unsigned | bare),
            ("no webhook-id", "missing header",
             {name: both[name] for name in both if name != "webhook-id"}),
        ]
    ]  # fmt: skip
    cases += [
        refused(f"{name}, without a time", reason, cases[0], sent, allow_untimed=True)
        for name, reason, sent in [
            ("no header at all", "missing header", {}),
            ("another secret", "wrong signature", other_bare),
            ("wrong beside a good bare one", "wrong signature", other_standard | bare),
            ("five minutes and a second old", "stale timestamp", stale | bare),
            ("no webhook-signature", "missing header", unsigned | bare),
            ("upper-case hex", "malformed signature", upper),
            ("a prefix before the hex", "malformed signature", prefixed),
        ]
    ]
    target = Path(__file__).with_name("webhook_signatures.json")
    target.write_text(json.dumps(cases, indent=2) + "\n")


if __name__ == "__main__":
    main()
