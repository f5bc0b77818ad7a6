"""The active policy and its kept versions: orders stay under the version they were bought under."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from returnsdesk.db.models import Order, PolicyVersion
from returnsdesk.domain.policy import Policy, digest_of
from returnsdesk.services.errors import ServiceError
from returnsdesk.settings import PROJECT_ROOT

POLICY_FILE = PROJECT_ROOT / "policy.yml"


def read_policy_file(path: Path = POLICY_FILE) -> dict[str, Any]:
    """The content of a policy file, validated; raises `ServiceError` that names the first wrong key."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        Policy.parse_obj(content)
    except (OSError, yaml.YAMLError) as error:
        raise ServiceError("POLICY_UNREADABLE", f"{path.name} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ServiceError("POLICY_INVALID", f"{path.name}: {where}: {first['msg']}") from error
    return dict(content)


def active_policy() -> Policy:
    """The policy of the file as it stands now, for questions that no order is behind."""
    return Policy.parse_obj(read_policy_file())


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
    """The policy that an order was bought under; the active one for orders that came without."""
    version = order.policy_version
    return _parsed(version.digest, version) if version is not None else active_policy()


def _parsed(digest: str, version: PolicyVersion) -> Policy:
    policy = _PARSED.get(digest)
    if policy is None:
        policy = _PARSED[digest] = Policy.parse_obj(version.content)
    return policy


_PARSED: dict[str, Policy] = {}
