import pytest

from kyros_worker.signing_secret import weakness


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("", "32 bytes"),
        ("x7!" * 10 + "y", "32 bytes"),
        ("your-secret-key", "everybody knows"),
        ("Your-Secret-Key-but-longer-than-32-bytes", "everybody knows"),
        ("please CHANGEME before you go live!", "everybody knows"),
        ("a-string-secret-at-least-256-bits-long", "everybody knows"),
        ("k" * 64, "8 different"),
        ("abcdefg" * 6, "8 different"),
        ("-----BEGIN PUBLIC KEY-----\nMFkwEwYH\n-----END PUBLIC KEY-----", "another algorithm"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", "another algorithm"),
    ],
)
def test_weak_ones(secret, words):
    assert words in weakness(secret)


@pytest.mark.parametrize(
    "secret",
    ["abcdefgh" * 4, "f3a1c0de" * 8, "schlüssel im schloss, hält vier", "x" * 25 + "1234567"],
)
def test_others(secret):
    assert weakness(secret) is None
