import pytest

from tests.browser import ACCEPT


@pytest.mark.parametrize("path", ["/nothing", "/tasks/nothing", "/auth/nothing", "/V1/nothing"])
def test_a_browser_gets_a_page(client, path):
    page = client.get(path, headers={**ACCEPT, "X-Request-Id": "mine"})
    assert page.status_code == 404
    assert page.content_type == "text/html; charset=utf-8"
    assert "There is nothing at this path." in page.text
    assert "mine" in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert client.get(path).json["error"] == "There is nothing at this path."


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/v1", "/v1//nothing", "/v1/api-keys", "/auth/oauth2/token"]
)
def test_programs_paths_never_answer_with_a_page(client, path):
    for method in ("GET", "POST", "DELETE"):
        assert client.open(path, method=method, headers=ACCEPT).is_json


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html;q=0", "text/*"])
def test_whoever_does_not_ask_for_a_page_gets_json(client, accept):
    headers = {} if accept is None else {"Accept": accept}
    assert client.get("/nothing", headers=headers).is_json


def test_a_form_of_nobody(browser):
    """Of a person whose session ended in another tab, or of one who never had any."""
    jo, nobody = browser("admin"), browser()
    assert jo.post("/sign-out").status_code == 303
    for one in (jo, nobody):
        page = one.post("/settings/users", email="x@example.com")
        assert page.status_code == 401
        assert "You are not signed in" in page.text
        assert '<a href="/sign-in">' in page.text
        assert "API key" not in page.text
        assert page.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_programs_form_is_told_what_a_program_is(client):
    headers = {**ACCEPT, "Authorization": "Bearer kyros_test_nothing"}
    page = client.post("/settings/users", headers=headers)
    assert page.status_code == 401
    assert "The credential is not valid" in page.text
    assert "/sign-in" not in page.text
