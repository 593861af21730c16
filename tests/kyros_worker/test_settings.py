import pytest

from kyros_worker import settings
from kyros_worker.errors import ConfigurationError
from tests.live_models import on

STRONG = "abcdefgh" * 4
WEAK = "k" * 32


@pytest.fixture
def load(tmp_path):
    """`load("live", KYROS_JWT_SECRET=…)`: the settings of an environment."""

    def do(mode="test", **environ):
        if mode == "live":
            (tmp_path / "kyros.toml").write_text(on("http://127.0.0.1:9/v1"))
            environ |= {"KYROS_CONFIG": str(tmp_path / "kyros.toml"), "SCRIPTED_KEY": "sk-x"}
        return settings.load({**environ, "KYROS_HOME": str(tmp_path)}, with_stack=False)

    return do


def test_what_signs_jwts(load):
    assert load().jwt_secrets == ()
    assert load(KYROS_SECRET_KEY=STRONG).jwt_secrets == (STRONG,)
    both = load(KYROS_SECRET_KEY=WEAK, KYROS_JWT_SECRET=STRONG, KYROS_JWT_PREVIOUS_SECRET="old")
    assert both.jwt_secrets == (STRONG, "old")
    assert load(KYROS_SECRET_KEY=STRONG, KYROS_JWT_SECRET="").jwt_secrets == (STRONG,)


@pytest.mark.parametrize(
    "name", ["KYROS_JWT_SECRET", "KYROS_JWT_PREVIOUS_SECRET", "KYROS_SECRET_KEY"]
)
def test_a_weak_secret_stops_the_start_but_in_test_mode(load, name):
    assert load(**{name: WEAK}).jwt_weakness.startswith(f"{name}: must have 8 different")
    with pytest.raises(ConfigurationError, match=f"^{name}: ") as caught:
        load("live", **{name: WEAK})
    assert WEAK not in str(caught.value)
    assert load("live", **{name: STRONG}).jwt_weakness is None


def test_a_weak_secret_key_that_signs_nothing(load):
    assert load("live", KYROS_SECRET_KEY=WEAK, KYROS_JWT_SECRET=STRONG).jwt_weakness is None


def test_the_guides_secret(load):
    assert "everybody knows" in load(KYROS_JWT_SECRET="your-secret-key").jwt_weakness
    with pytest.raises(ConfigurationError, match="KYROS_JWT_SECRET: is or holds a default"):
        load("live", KYROS_JWT_SECRET="your-secret-key")


@pytest.mark.parametrize("name", ["KYROS_JWT_SECRET", "KYROS_JWT_PREVIOUS_SECRET"])
def test_secrets_are_text(load, name):
    with pytest.raises(ConfigurationError, match=f"{name}: must be UTF-8"):
        load(**{name: "\udcff" * 40})


def test_children_get_what_signs(load):
    secrets = {"KYROS_JWT_SECRET": STRONG, "KYROS_JWT_PREVIOUS_SECRET": "old"}
    told = settings.environment(load(**secrets))
    assert {name: told[name] for name in secrets} == secrets
    assert "KYROS_JWT_SECRET" not in settings.environment(load())


def test_the_first_admins_address(load):
    assert load().admin_email == "admin@localhost"
    assert load(KYROS_ADMIN_EMAIL="Ada@Example.com").admin_email == "ada@example.com"
    with pytest.raises(ConfigurationError, match="KYROS_ADMIN_EMAIL: must be an e-mail address"):
        load(KYROS_ADMIN_EMAIL="ada")


@pytest.mark.parametrize("url", ["http://10.0.0.7:8000", "https://kyros.example.com/at/work/"])
def test_where_people_reach_it(load, url):
    assert load(KYROS_PUBLIC_URL=url).base_url == url.rstrip("/")


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("kyros.example.com", "must be an address like https://kyros.example.com"),
        ("ftp://kyros.example.com", "must be an address"), ("https://", "must be an address"),
        ("https://[", "must be an address"), ("https://kyros.example.com:99999", "an address"),
        ("https://kyros.example.com:0", "an address"), ("https://a b", "an address"),
        ("https://a.example\n", "an address"), ("HTTPS://a.example", "an address"),
        ("https://jo:secret@a.example", "neither a user and password"),
        ("https://a.example/?x=1", "neither"), ("https://a.example/#x", "neither"),
        ("https://a.example?", "neither"),
    ],
)  # fmt: skip
def test_where_nobody_reaches_it(load, url, fault):
    with pytest.raises(ConfigurationError, match=f"KYROS_PUBLIC_URL: .*{fault}") as error:
        load(KYROS_PUBLIC_URL=url)
    assert "secret" not in str(error.value)
