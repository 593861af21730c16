from tests.installed import schema
from tests.keys import new_key, no_keys

__all__ = ["new_key", "no_keys", "schema"]
