"""What every page is made with: its blueprint, its template, its policy and its messages.

A page needs what its view says (`api.caller.requires`), as an operation of the API does; the
navigation shows the pages that the person may open. The mode (live or test) stands in the address,
`?mode=test`, so that every tab has its own and a form acts in the mode that it was shown in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    g,
    redirect,
    request,
    send_from_directory,
    url_for,
)
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.caller import MODE_HEADER, needs, open_to_all, signed_in
from api.dashboard.forgery import refuse_forged
from api.dashboard.words import ROLE_WORDS
from api.session_cookie import secure
from kyros_worker import cursor
from kyros_worker.auth.subject import ROLES, Subject
from kyros_worker.clock import now, rfc3339
from kyros_worker.errors import FieldError, InvalidError
from kyros_worker.settings import current
from kyros_worker.user.session import SignedIn

ASSETS = Path(__file__).with_name("assets")

#: Scripts, frames and everything from outside are refused by the browser itself.
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action {}; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_MESSAGE_COOKIE = "kyros_message"
_MESSAGE_SECONDS = 60
_ASSET_SECONDS = 3600
_ROWS = 50
_LINES, _CHARACTERS = 10, 1000


@dataclass(frozen=True)
class Link:
    """A page in the navigation."""

    title: str
    endpoint: str

    @property
    def path(self) -> str:
        """Where it is, in either mode."""
        return url_for(self.endpoint)


#: The navigation: sections and their pages.
SECTIONS: tuple[tuple[str, tuple[Link, ...]], ...] = (
    (
        "Settings",
        (
            Link("Profile", "settings_profile.show"),
            Link("API Keys", "settings_api_keys.list_all"),
            Link("Webhooks", "settings_webhooks.list_all"),
            Link("OAuth2", "settings_oauth2.show"),
            Link("Users", "settings_users.list_all"),
        ),
    ),
)

#: What a page says once after something was done: `done` names one, and nothing else can be shown.
MESSAGES: dict[str, str] = {
    "name-changed": "Your name is changed.",
    "password-changed": "Your password is changed, and your other sessions have ended.",
    "session-ended": "That browser is signed out.",
    "other-sessions-ended": "Every other browser is signed out.",
    "user-changed": "The user is changed.",
    "user-disabled": "The user is disabled and signed out everywhere.",
    "user-enabled": "The user may sign in again.",
    "key-changed": "The key is changed; it counts everywhere within two seconds.",
    "key-revoked": "The key is revoked; it is refused everywhere within two seconds.",
    "grant-revoked": "The application may act for you no more, within two seconds everywhere.",
    "application-changed": "The application is changed.",
    "application-deleted": "The application is deleted; it is refused within two seconds.",
    "webhook-changed": "The webhook is changed.",
    "webhook-enabled": "The webhook is enabled; what was held goes out now.",
    "webhook-disabled": "The webhook is disabled; what happens meanwhile is held.",
    "webhook-deleted": "The webhook is deleted; nothing is sent to it any more.",
    "secret-activated": "The new secret signs alone from now on.",
    "test-sent": "The test event is on its way; see the deliveries below.",
    "sent-again": "The delivery is sent again.",
}

_templates = Environment(
    loader=PackageLoader("api.dashboard"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _asset_url(name: str) -> str:
    """Where a file of the pages lies; a changed file has another address, so none is seen stale."""
    return url_for("assets.asset", name=name, v=_version(name))


@cache
def _version(name: str) -> str:
    return sha256((ASSETS / name).read_bytes()).hexdigest()[:12]


assets = Blueprint("assets", __name__)


def page_blueprint(name: str, import_name: str) -> Blueprint:
    """A blueprint of pages, whose forms are taken from this site alone."""
    made = Blueprint(name, import_name)
    made.before_request(_people_only)
    made.before_request(refuse_forged)
    return made


def render(
    template: str, status: int = 200, *, form_action: str = "'self'", **context: Any
) -> Response:
    """A page. `form_action` says where its forms may lead, redirects included."""
    code = request.cookies.get(_MESSAGE_COOKIE)
    text = _templates.get_template(template).render(
        _surroundings(), message=MESSAGES.get(code or ""), **context
    )
    response = Response(text, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY.format(form_action)
    # With no-referrer a browser would send its own forms with `Origin: null`.
    response.headers["Referrer-Policy"] = "same-origin"
    if code is not None:
        response.delete_cookie(_MESSAGE_COOKIE, httponly=True, samesite="Lax")
    return response


def done(message: str, endpoint: str, **values: Any) -> Response:
    """Leads on to a page, which says the message (one of MESSAGES) once."""
    assert message in MESSAGES, message
    response = see(endpoint, **values)
    response.set_cookie(
        _MESSAGE_COOKIE, message, max_age=_MESSAGE_SECONDS, httponly=True, samesite="Lax",
        secure=secure(),
    )  # fmt: skip
    return response


def see(endpoint: str, **values: Any) -> Response:
    """Leads on to a page; 303, so that a form is not sent again."""
    return current_app.make_response(redirect(link(endpoint, **values), 303))


def part_of_list(
    scope: str, read_rows: Callable[[int, str | None], list[dict[str, Any]]]
) -> dict[str, Any]:
    """`rows`, `next_cursor` and `has_more` of the part of a list that the address asks for.

    Raises InvalidError for a cursor of another list.
    """
    asked = request.args.get("cursor")
    after = cursor.decode(asked, scope) if asked else None
    return cursor.page("rows", read_rows(_ROWS + 1, after), _ROWS, scope)


def link(endpoint: str, **values: Any) -> str:
    """Where a page is, in the mode that the current one shows."""
    subject: Subject | None = g.get("caller")
    if subject is not None and subject.mode == "test" and not current().test_mode:
        values.setdefault("mode", "test")
    return url_for(endpoint, **values)


def _first_lines(text: str) -> str:
    lines = text.splitlines()
    shown = "\n".join(lines[:_LINES])[:_CHARACTERS]
    return shown if shown == text else f"{shown}…"


def _people_only() -> None:
    """Raises UnauthenticatedError for a program's credential: it says nothing of where it is from.

    The person acts in the mode that the address names; live where it names none. Raises
    InvalidError where a header names one.
    """
    subject: Subject | None = g.get("caller")
    if subject is None:
        return  # the page is open to all
    signed_in()
    if MODE_HEADER in request.headers:
        reason = "is not for pages, whose mode stands in the address: ?mode=test"
        raise InvalidError(f"{MODE_HEADER} {reason}.", details=[FieldError(MODE_HEADER, reason)])
    test = current().test_mode or request.args.get("mode") == "test"
    g.caller = replace(subject, mode="test" if test else "live")


def _surroundings() -> Mapping[str, Any]:
    """What the frame of every page shows; an error's page may have no known caller."""
    subject: Subject | None = g.get("caller")
    person: SignedIn | None = g.get("signed_in")
    return {
        "person": person,
        "mode": subject.mode if subject else None,
        "one_mode": current().test_mode,
        "modes": _modes(subject),
        "time": rfc3339(now()),
        "csrf_token": person.csrf_token if person else "",
        "sections": _open_sections(subject) if subject else [],
        "section_path": _section_path(),
    }


def _modes(subject: Subject | None) -> list[tuple[str, str]]:
    """The modes of what the person may make: live things are made in live mode."""
    test = ("test", "Test")
    return [("live", "Live"), test] if subject and subject.mode == "live" else [test]


def _section_path() -> str:
    """The page of the navigation that the current one belongs to; its things are of one mode."""
    paths = [page.path for _, pages in SECTIONS for page in pages]
    return next((path for path in paths if f"{request.path}/".startswith(f"{path}/")), "/")


def _open_sections(subject: Subject) -> list[tuple[str, list[Link]]]:
    found = [(title, [page for page in pages if _may_open(subject, page)])
             for title, pages in SECTIONS]  # fmt: skip
    return [(title, pages) for title, pages in found if pages]


def _may_open(subject: Subject, page: Link) -> bool:
    needed = needs(current_app.view_functions[page.endpoint])
    if needed is None or needed == "nothing":
        return needed == "nothing"
    return needed == "credential" or subject.may(needed)


_templates.globals.update(
    link=link,
    asset_url=_asset_url,
    roles=[(role, f"{role}: {ROLE_WORDS[role]}") for role in ROLES],
)
_templates.filters["first_lines"] = _first_lines


@assets.get("/assets/<name>")
@open_to_all
def asset(name: str) -> Response:
    """A file of the pages' own."""
    return current_app.make_response(send_from_directory(ASSETS, name, max_age=_ASSET_SECONDS))
