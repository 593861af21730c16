import pytest

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/nothing", "/tasks/nothing", "/auth/nothing", "/V1/nothing"])
def test_a_browser_gets_a_page(client, path):
    page = client.get(path, headers={**BROWSER, "X-Request-Id": "mine"})
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
        assert client.open(path, method=method, headers=BROWSER).is_json


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html;q=0", "text/*"])
def test_whoever_does_not_ask_for_a_page_gets_json(client, accept):
    headers = {} if accept is None else {"Accept": accept}
    assert client.get("/nothing", headers=headers).is_json
