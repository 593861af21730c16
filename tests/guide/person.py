"""What a person does in a browser, for samples that ask one."""

import os
import re

import httpx

PASSWORD = "four plain words here"
PERSON = "jo@example.com"


def allow(authorization_url: str) -> str:
    """Signs in, allows what the page asks for, and gives where the browser is led."""
    with httpx.Client(base_url=os.environ["KYROS_SITE"], timeout=40) as browser:
        form = {"email": PERSON, "password": PASSWORD}
        signed_in = browser.post("/sign-in", data=form)
        assert signed_in.status_code == 303, signed_in.text
        page = browser.get(authorization_url)
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert token, page.text
        decision = {"decision": "allow", "csrf_token": token[1]}
        return browser.post(authorization_url, data=decision).headers["location"]
