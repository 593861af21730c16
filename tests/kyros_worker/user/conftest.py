from tests.installed import schema
from tests.people import held, new_user, no_users, password_hash, signed_in

__all__ = ["held", "new_user", "no_users", "password_hash", "schema", "signed_in"]
