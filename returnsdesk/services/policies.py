"""The active policy and its kept versions: orders stay under the version they were bought under."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from returnsdesk.db.models import Order, PolicyVersion
from returnsdesk.domain.policy import Policy, content_for, digest_of
from returnsdesk.services.errors import ServiceError
from returnsdesk.settings import PROJECT_ROOT

POLICY_FILE = PROJECT_ROOT / "policy.yml"

_ROOT: Final = "__root__"
_FAULTS: Final = {
    "value_error.extra": "there is no such key",
    "value_error.missing": "this key is missing",
}


@dataclass(frozen=True)
class VersionView:
    """A kept version of the policy; `orders` counts those that were bought under it."""

    digest: str
    valid_from: datetime
    orders: int
    is_current: bool


def read_policy_file(path: Path | None = None) -> dict[str, Any]:
    """The content of a policy file as it can be kept, validated with all its markets; the shop's own by default.

    Raises `ServiceError` that names the first wrong key.
    """
    path = path or POLICY_FILE
    try:
        content = _as_kept(_read_yaml(path))
        if not isinstance(content, dict):
            raise ServiceError("POLICY_INVALID", f"{path.name} holds no sections such as window")
        Policy.parse_obj(content)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ServiceError("POLICY_UNREADABLE", f"{path.name} cannot be read: {error}") from error
    except ValidationError as error:
        raise ServiceError("POLICY_INVALID", f"{path.name}: {_first_fault(error)}") from error
    return content


def active_policy(country: str | None = None) -> Policy:
    """The policy of the file as it stands now, for questions that no order is behind; of a market if one is named."""
    content = read_policy_file()
    return _parsed(digest_of(content), content, country or "")


def current_version(session: Session, now: datetime) -> PolicyVersion:
    """The stored version of the policy file as it stands now; stored on first sight."""
    content = read_policy_file()
    digest = digest_of(content)
    found = session.scalars(
        select(PolicyVersion).where(PolicyVersion.digest == digest)
    ).one_or_none()
    if found is not None:
        return found
    version = PolicyVersion(digest=digest, valid_from=now, content=content)
    try:
        with session.begin_nested():
            session.add(version)
    except IntegrityError:
        # Another process has stored it meanwhile.
        return session.scalars(select(PolicyVersion).where(PolicyVersion.digest == digest)).one()
    return version


def policy_of(order: Order) -> Policy:
    """The policy that an order was bought under, as it holds in the order's country.

    The active one for orders that came without.
    """
    version = order.policy_version
    if version is None:
        return active_policy(order.country)
    return _parsed(version.digest, version.content, order.country)


def versions(session: Session) -> list[VersionView]:
    """All kept versions, latest first, with the number of orders under each."""
    current = digest_of(read_policy_file())
    rows = session.execute(
        select(PolicyVersion.digest, PolicyVersion.valid_from, func.count(Order.id))
        .outerjoin(Order, Order.policy_version_id == PolicyVersion.id)
        .group_by(PolicyVersion.id, PolicyVersion.digest, PolicyVersion.valid_from)
        .order_by(PolicyVersion.valid_from.desc(), PolicyVersion.id.desc())
    )
    return [
        VersionView(digest, valid_from, orders, is_current=digest == current)
        for digest, valid_from, orders in rows
    ]


def _parsed(digest: str, content: dict[str, Any], country: str) -> Policy:
    key = (digest, country if country in (content.get("markets") or {}) else "")
    policy = _PARSED.get(key)
    if policy is None:
        policy = _PARSED[key] = Policy.parse_obj(content_for(content, country))
    return policy


# By digest and market; a shop has few versions and few markets.
_PARSED: dict[tuple[str, str], Policy] = {}


def _first_fault(error: ValidationError) -> str:
    """A misspelt key before the key that is missing for it."""
    first = min(error.errors(), key=lambda fault: fault["type"] != "value_error.extra")
    where = ".".join(str(part) for part in first["loc"] if part != _ROOT)
    what = _FAULTS.get(first["type"], first["msg"])
    return f"{where}: {what}" if where else what


def _read_yaml(path: Path) -> Any:
    loader = _PolicyLoader(path.read_text(encoding="utf-8"))
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _as_kept(value: Any) -> Any:
    """The content as JSON can keep it: keys are texts (a product may be called 4711), days are ISO 8601."""
    if isinstance(value, dict):
        return {str(key): _as_kept(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_kept(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


class _PolicyLoader(yaml.SafeLoader):
    """YAML as a shop's owner means it: `NO` is Norway, and a key that stands twice is an error."""

    yaml_implicit_resolvers = {
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag != "tag:yaml.org,2002:bool" or first in "tTfF"
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As the loader does; raises `ConstructorError` for a key that is there already."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value!r} stands here twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)
