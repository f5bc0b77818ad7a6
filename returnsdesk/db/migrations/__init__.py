"""Alembic's environment and the revisions of the schema; run through `returnsdesk.db.migrate`."""
