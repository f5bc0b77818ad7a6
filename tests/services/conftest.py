"""The small shop, on SQLite and on PostgreSQL."""

from tests.services.shop import database, shop

__all__ = ["database", "shop"]
