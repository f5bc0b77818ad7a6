"""How Alembic meets the database: inside the caller's transaction, or on the configured database for developers."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy.engine import Connection

import returnsdesk.db.models  # noqa: F401  fills the metadata
from returnsdesk.db.base import mapper_registry
from returnsdesk.db.migrate import COMPARE_OPTIONS, schema_transaction
from returnsdesk.db.session import Database
from returnsdesk.settings import load_settings


def render_item(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """Write instants as plain SQLAlchemy types: a revision must not depend on today's code."""
    if kind == "type" and type(item).__name__ == "UTCDateTime":
        return "sa.DateTime(timezone=True)"
    return False


def run_on(connection: Connection) -> None:
    """Run the wanted revisions on a connection whose transaction belongs to the caller."""
    context.configure(
        connection=connection,
        target_metadata=mapper_registry.metadata,
        # SQLite cannot alter tables: revisions rebuild them there.
        render_as_batch=True,
        render_item=render_item,
        **COMPARE_OPTIONS,
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run_on(given)
else:
    database = Database(load_settings().resolved_database_url)
    with schema_transaction(database) as opened:
        run_on(opened)
    database.dispose()
