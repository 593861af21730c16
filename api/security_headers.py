"""What browsers are told on every answer: to trust nothing but what an answer itself allows."""

from flask import Response

from kyros_worker.settings import current

_YEAR_SECONDS = 365 * 86_400

#: A view that needs something else sets its own.
_DEFAULTS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def show(response: Response) -> Response:
    """Put them on the answer."""
    # Looked up once: `setdefault` goes through all headers anew for each of its own.
    told = {name.lower() for name in response.headers.keys()}  # noqa: SIM118 - not a dict
    for name, value in _DEFAULTS.items():
        if name.lower() not in told:
            response.headers.add(name, value)
    if current().base_url.startswith("https://"):
        # Not of subdomains, which may be others'.
        response.headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR_SECONDS}")
    return response
