import base64
import hmac
import json
import re
import runpy
import time
import warnings
from hashlib import sha256
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyros_worker.auth.subject import PERMISSIONS_OF
from kyros_worker.clock import now
from kyros_worker.errors import UnauthenticatedError
from kyros_worker.user import json_web_token
from kyros_worker.user.json_web_token import authenticate_jwt

SECRET = "the secret of these tests alone, long enough"
PREVIOUS = "what was the secret until a moment ago, still"
#: As it is printed.
GUIDE = Path(__file__).parents[2] / "peers" / "guide_jwt.py.txt"


@pytest.fixture(autouse=True)
def secrets(schema, monkeypatch):
    """`secrets(jwt_secret=…)` sets what JWTs are signed with."""
    from kyros_worker import settings as room

    found = room.current()

    def use(**named):
        told = found.model_copy(update=named)
        monkeypatch.setattr(json_web_token, "current", lambda: told)

    use(jwt_secret=SECRET, jwt_previous_secret=PREVIOUS)
    return use


def claims(**changed):
    at = int(time.time())
    given = {"user_id": "user_123", "roles": ["developer"], "exp": at + 3600, "iat": at, **changed}
    return {name: value for name, value in given.items() if value is not ...}


def signed(payload=None, header=None, secret=SECRET, **changed):
    """A token as anybody with the secret could make it, with no library's scruples."""
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    payload = claims(**changed) if payload is None else payload
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode()
             for part in (header, payload)]  # fmt: skip
    message = b".".join(coded(part) for part in parts)
    return (message + b"." + coded(hmac.new(secret.encode(), message, sha256).digest())).decode()


def coded(part):
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def refused(token):
    try:
        authenticate_jwt(token)
    except UnauthenticatedError as error:
        return error.message == "The credential is not valid, has expired or was revoked."
    return False


def test_who_is_calling():
    subject = authenticate_jwt(jwt.encode(claims(), SECRET, algorithm="HS256"))
    assert (subject.id, subject.kind, subject.mode) == ("user_123", "jwt", "test")
    assert subject.credential == "jwt:user_123"
    assert subject.permissions == PERMISSIONS_OF["developer"]


def test_the_guides_sample(secrets):
    secrets(jwt_secret="your-secret-key")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of utcnow and of the short secret
        token = runpy.run_path(str(GUIDE))["token"]
    assert authenticate_jwt(token).permissions == PERMISSIONS_OF["developer"]


@pytest.mark.parametrize(
    ("roles", "permissions"),
    [
        ([], set()), (..., set()), (["boss"], set()), (["Admin"], set()),
        (["viewer", "boss"], PERMISSIONS_OF["viewer"]),
        (["viewer", "operator"], PERMISSIONS_OF["operator"]),
        (["admin"] * 50, PERMISSIONS_OF["admin"]),
    ],
)  # fmt: skip
def test_roles(roles, permissions):
    assert authenticate_jwt(signed(roles=roles)).permissions == permissions


@pytest.mark.parametrize("roles", ["admin", None, {"admin": 1}, 1, [["admin"]], [1], [None], True])
def test_roles_that_are_none(roles):
    assert refused(signed(roles=roles))


@pytest.mark.parametrize("user_id", ["a", "x" * 128, "jo@example.com", "usr_1", "Jo Müller", "…"])
def test_users_of_elsewhere(user_id):
    assert authenticate_jwt(signed(user_id=user_id)).id == user_id


@pytest.mark.parametrize(
    "user_id",
    [..., "", "x" * 129, "a\x00", "a\nb", "a\u202eb", "key_1790000000000000", "oac_1", "system",
     "command line", None, 1, True, ["user_123"], {"id": "user_123"}],
)  # fmt: skip
def test_users_that_are_none(user_id):
    assert refused(signed(user_id=user_id))


def test_claims_of_others_mean_nothing():
    extra = {"sub": 7, "aud": "elsewhere", "iss": ["x"], "jti": 1, "scope": "admin", "mode": "live"}
    subject = authenticate_jwt(signed(**extra))
    assert (subject.mode, subject.permissions) == ("test", PERMISSIONS_OF["developer"])


@pytest.mark.parametrize(
    ("times", "good"),
    [
        ({"exp": -1}, True), ({"exp": -58}, True), ({"exp": -62}, False), ({"exp": 1e9}, True),
        ({"iat": 57}, True), ({"iat": 64}, False), ({"iat": -1e9}, True),
        ({"nbf": 57}, True), ({"nbf": 64}, False),
    ],
)  # fmt: skip
def test_times(times, good):
    """60 s of leeway, in seconds from now."""
    assert refused(signed(**{name: time.time() + at for name, at in times.items()})) != good


@pytest.mark.parametrize("iat", [..., 0, -(10**400), 1.5])
def test_when_it_was_made_need_not_be_said(iat):
    authenticate_jwt(signed(iat=iat))


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "value", ["9999999999", "tomorrow", None, True, [], {}, "1e400", float("nan"), float("inf")]
)
def test_times_that_are_none(name, value):
    assert refused(signed(**{name: value}))


@pytest.mark.parametrize("exp", [..., 0, -1, -(10**400), -1e308])
def test_without_an_end_or_after_it(exp):
    assert refused(signed(exp=exp))


@pytest.mark.parametrize("exp", [9999999999.5, 1e308, 10**400])
def test_ends_far_away(exp):
    authenticate_jwt(signed(exp=exp))


def test_infinities_written_out():
    body = json.dumps(claims(exp=0)).replace('"exp": 0', '"exp": %s')
    for number in ("1e999", "-1e999", "Infinity", "NaN", "0x7fffffffff", "9" * 6000 + "e1"):
        assert refused(signed((body % number).encode()))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_other_algorithms(algorithm):
    assert refused(jwt.encode(claims(), SECRET * 2, algorithm=algorithm))
    assert refused(jwt.encode(claims(), SECRET, algorithm=algorithm))


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "nOnE", "", "hs256", "HS384", "RS256", "ES256", "EdDSA",
                  None, 1, ["HS256"], {"HS256": 1}, "HS256 "],
)  # fmt: skip
def test_what_the_header_says_is_not_believed(algorithm):
    assert refused(signed(header={"alg": algorithm, "typ": "JWT"}))
    assert refused(signed(header={"alg": algorithm}).rpartition(".")[0] + ".")


def test_without_an_algorithm():
    assert refused(signed(header={"typ": "JWT"}))
    assert refused(jwt.encode(claims(), None, algorithm="none"))


def test_a_public_key_as_the_secret():
    private = rsa.generate_private_key(65537, 2048)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert refused(jwt.encode(claims(), private, algorithm="RS256"))
    assert refused(signed(secret=public.decode()))


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "../../../../dev/null"}, {"kid": "' OR 1=1 --"}, {"kid": "x" * 1000},
        {"jku": "https://evil.example/keys"}, {"x5u": "http://169.254.169.254/"}, {"cty": "JWT"},
        {"jwk": {"kty": "oct", "k": "AAAA"}}, {"x5c": ["AAAA"]}, {"typ": "at+jwt"}, {"b64": True},
    ],
)  # fmt: skip
def test_headers_that_choose_a_key_mean_nothing(header):
    authenticate_jwt(signed(header={"alg": "HS256", **header}))
    assert refused(signed(header={"alg": "HS256", **header}, secret=""))
    assert refused(signed(header={"alg": "HS256", **header}, secret="AAAA" * 10))


@pytest.mark.parametrize(
    "header",
    [{"crit": []}, {"crit": ["exp"]}, {"crit": None}, {"crit": ["b64"], "b64": False},
     {"crit": ["b64"], "b64": True},     {"b64": False}, {"kid": 1}, {"kid": ["x"]}],
)  # fmt: skip
def test_headers_that_ask_for_more_than_we_know(header):
    assert refused(signed(header={"alg": "HS256", **header}))


@pytest.mark.parametrize(
    "part",
    [b"", b"[]", b"1", b'"x"', b"null", b"{", b"{}x", b"\xff", b"\xef\xbb\xbf{}", b"{'a':1}",
     b"[" * 3000, b'{"a":' * 1000 + b"1" + b"}" * 1000],
)  # fmt: skip
def test_parts_that_are_no_objects(part):
    assert refused(signed(part))
    assert refused(signed(header=part))


def test_repeated_keys():
    body = json.dumps(claims(roles=["viewer"]))[:-1]
    authenticate_jwt(signed((body + "}").encode()))
    assert refused(signed((body + ', "roles": ["admin"]}').encode()))
    assert refused(signed((body + ', "role\\u0073": ["admin"]}').encode()))
    assert refused(signed(header=b'{"alg": "none", "alg": "HS256"}'))
    assert refused(signed(header=b'{"alg": "HS256", "alg": "HS256"}'))


def test_forms_that_are_no_token():
    good = signed()
    head, body, signature = good.split(".")
    authenticate_jwt(good)
    for wrong in (
        "", ".", "..", "...", "a.b.c", head, f"{head}.{body}", f"{head}.{body}.", f"{good}.",
        f".{body}.{signature}", f"{head}..{signature}", f"{good}.{signature}",
        f"{head}.{body}.{head}.{body}.{signature}", f"{good}=", f"{good}==",
        f"{head}=.{body}.{signature}",
        f" {good}", f"{good}\n", f"{head}.{body}.{signature[:-1]}", f"{head}.{body}.{signature}A",
        f"{head}.{body}.{'A' * 43}", f"{head}.{body}\x00.{signature}",
        f"{head}.{body}.ü{signature}",
        f"{head}.{body}.\u212a{signature}", f"{head}.{body}.{signature}/+",
        f"{head}\u3002{body}.{signature}",
    ):  # fmt: skip
        assert refused(wrong), wrong
    for at in range(len(good)):
        if good[at] != "." and at != len(good) - 1:
            assert refused(good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :])


def test_a_token_in_a_token():
    assert refused(signed(signed().encode()))
    assert refused(signed(signed().encode(), header={"alg": "HS256", "cty": "JWT"}))


def test_how_long_it_may_be():
    def of(length):
        room = length - len(signed(pad=""))
        return max((signed(pad="x" * (room * 3 // 4 - more)) for more in range(4)), key=len)

    assert 8180 < len(of(8192)) <= 8192
    authenticate_jwt(of(8192))
    assert refused(signed(pad="x" * 6200))
    assert refused("a" * 10_000_000 + ".b.c")


def test_the_secret_of_before(secrets):
    old = signed(secret=PREVIOUS)
    authenticate_jwt(old)
    secrets(jwt_secret=SECRET, jwt_previous_secret=None)
    assert refused(old)
    authenticate_jwt(signed())
    secrets(jwt_secret=None, secret_key=PREVIOUS)
    authenticate_jwt(old)
    secrets(jwt_secret=None, secret_key=None, jwt_previous_secret=None)
    assert refused(old)
    assert refused(signed(secret=""))
    assert refused(signed(secret="None"))


def test_a_user_who_is_disabled_here(new_user):
    user = new_user(email="gone@example.com", disabled_at=now())
    for user_id in (user.id, "gone@example.com", "Gone@Example.com"):
        assert refused(signed(user_id=user_id))
    for user_id in ("usr_1790000000000000", "gone@example.org"):
        assert authenticate_jwt(signed(user_id=user_id)).id == user_id


def test_a_user_of_here_is_known_by_his_id(new_user):
    """Else one person would be two, and could approve what he asked for himself."""
    here = new_user("admin", email="here@example.com")
    for user_id in (here.id, "here@example.com", "Here@Example.com"):
        subject = authenticate_jwt(signed(user_id=user_id))
        assert (subject.id, subject.kind) == (here.id, "jwt")
        assert subject.permissions == PERMISSIONS_OF["developer"]


SOME_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["user_id", "roles", "exp", "iat", "nbf", "sub", "aud"])
HEADERS = st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "cty"])


@settings(suppress_health_check=list(HealthCheck))
@given(payload=st.dictionaries(NAMES, SOME_JSON), header=st.dictionaries(HEADERS, SOME_JSON))
def test_whatever_is_signed_is_taken_or_refused(payload, header):
    refused(signed({**claims(), **payload}, {"alg": "HS256", **header}))


@given(st.text(max_size=200) | st.from_regex(re.compile(r"[\w.-]{1,60}\.[\w-]{1,60}\.[\w-]{1,60}")))
def test_whatever_is_sent_is_refused(token):
    assert refused(token)
