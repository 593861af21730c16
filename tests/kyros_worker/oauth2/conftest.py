from tests.applications import new_application, no_applications
from tests.people import new_user, no_users, password_hash

__all__ = ["new_application", "new_user", "no_applications", "no_users", "password_hash"]
