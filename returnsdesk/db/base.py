"""Foundations of the schema: declarative base, naming conventions and column types that both databases share."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from sqlalchemy import DateTime, MetaData
from sqlalchemy.orm import registry
from sqlalchemy.types import TypeDecorator

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

mapper_registry = registry(metadata=MetaData(naming_convention=NAMING_CONVENTION))

if TYPE_CHECKING:
    T = TypeVar("T")

    class Mapped(Generic[T]):
        """A mapped attribute: an SQL expression on the class, a plain value on an instance."""

        @overload
        def __get__(self, instance: None, owner: Any) -> Any: ...
        @overload
        def __get__(self, instance: object, owner: Any) -> T: ...
        def __get__(self, instance: object, owner: Any) -> Any: ...
        def __set__(self, instance: object, value: T) -> None: ...

    class Base:
        """Parent of every table's class."""

        metadata: MetaData

        def __init__(self, **values: Any) -> None: ...
else:
    # SQLAlchemy 1.4 ships no types, and its stubs do not work with today's mypy; the classes above stand in.
    from sqlalchemy.orm import Mapped

    Base = mapper_registry.generate_base()

__all__ = ["NAMING_CONVENTION", "Base", "Mapped", "UTCDateTime", "mapper_registry"]


class UTCDateTime(TypeDecorator):
    """An instant, always aware and in UTC in Python; stored without zone on SQLite, with zone on PostgreSQL."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Refuse naive instants: they would silently mean another moment on another machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without time zone cannot be stored")
        return value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Give the instant its zone back."""
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=timezone.utc)
        return value.astimezone(timezone.utc)
