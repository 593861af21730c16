from tests.installed import schema

__all__ = ["schema"]
