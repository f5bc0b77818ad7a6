"""What Sendcloud says of parcels: its statuses in our words, out of webhooks and out of a return's history.

Written after sendcloud.dev/api/v3/webhooks/parcel-status-changed, /api/v3/returns/retrieve-a-return,
/api/v3/parcel-statuses and /docs/parcel-tracking/retrieve-tracking-info.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Final

from returnsdesk.clients.carrier import DELIVERED, IN_TRANSIT, UNDELIVERED, CarrierReport

NAME: Final = "sendcloud"

# Number (webhooks) and name (history of a return) of every status that changes something for a return.
_STATUSES: Final = (
    (3, "en-route-to-sorting-center", IN_TRANSIT),
    (3, "to-sorting", IN_TRANSIT),
    (4, "delivery-delayed", IN_TRANSIT),
    (4, "delayed", IN_TRANSIT),
    (5, "sorted", IN_TRANSIT),
    (6, "not-sorted", IN_TRANSIT),
    (6, "unsorted", IN_TRANSIT),
    (7, "being-sorted", IN_TRANSIT),
    (7, "sorting", IN_TRANSIT),
    (8, "delivery-attempt-failed", IN_TRANSIT),
    (8, "delivery-failed", IN_TRANSIT),
    (12, "awaiting-customer-pickup", IN_TRANSIT),
    (22, "shipment-picked-up-by-driver", IN_TRANSIT),
    (22, "picked-up-by-driver", IN_TRANSIT),
    (91, "parcel-en-route", IN_TRANSIT),
    (91, "shipment-on-route", IN_TRANSIT),
    (92, "driver-en-route", IN_TRANSIT),
    (92, "driver-on-route", IN_TRANSIT),
    (62989, "at-customs", IN_TRANSIT),
    (62990, "at-sorting-centre", IN_TRANSIT),
    (11, "delivered", DELIVERED),
    (10, "delivery-forced", DELIVERED),
    (93, "shipment-collected-by-customer", DELIVERED),
    (93, "collected-by-customer", DELIVERED),
    (80, "unable-to-deliver", UNDELIVERED),
    (80, "undeliverable", UNDELIVERED),
    (62991, "refused-by-recipient", UNDELIVERED),
    (62992, "returned-to-sender", UNDELIVERED),
)
_BY_NUMBER: Final = {number: ours for number, _name, ours in _STATUSES}
_BY_NAME: Final = {name: ours for _number, name, ours in _STATUSES}
# Seconds of the year 5138: what is larger are milliseconds, which Sendcloud sends in some places.
_LARGEST_SECONDS: Final = 10**11


class NotUnderstood(ValueError):
    """What was sent is not of the documented form."""


def reports_in_webhook(payload: Any) -> list[CarrierReport]:
    """The report in a webhook; none in those about integrations and returns. Raises `NotUnderstood`.

    A webhook has no id of its own: parcel, status and timestamp together name it.
    """
    if not isinstance(payload, Mapping) or not isinstance(payload.get("action"), str):
        raise NotUnderstood("there is no action")
    if payload["action"] != "parcel_status_changed":
        return []
    try:
        parcel, status = payload["parcel"], payload["parcel"]["status"]
        number, moment = int(status["id"]), payload["timestamp"]
        at = payload.get("carrier_status_change_timestamp") or moment
        tracking_number = parcel.get("tracking_number")
        report = CarrierReport(
            carrier=NAME,
            event_id=f"{parcel['id']}-{number}-{moment}",
            tracking_number=str(tracking_number),
            status=_BY_NUMBER.get(number) or _slug(str(status.get("message", number))),
            at=_moment(at),
        )
    except (KeyError, TypeError, ValueError, OverflowError, OSError, AttributeError) as error:
        raise NotUnderstood(f"parcel_status_changed without {error}") from error
    return [report] if tracking_number else []


def reports_in_return(found: Mapping[str, Any]) -> list[CarrierReport]:
    """The reports in the `status_history` of a return, oldest first; entries without time or id are left out."""
    tracking_number = found.get("tracking_number")
    reports = []
    for entry in found.get("status_history") or []:
        at = _iso(entry.get("carrier_update_timestamp"))
        if not tracking_number or at is None or not entry.get("parcel_status_history_id"):
            continue
        name = _slug(str(entry.get("parent_status", "")))
        reports.append(
            CarrierReport(
                carrier=NAME,
                event_id=f"history-{entry['parcel_status_history_id']}",
                tracking_number=str(tracking_number),
                status=_BY_NAME.get(name, name),
                at=at,
            )
        )
    return sorted(reports, key=lambda report: report.at)


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:40] or "unknown"


def _moment(value: Any) -> datetime:
    seconds = float(value)
    return datetime.fromtimestamp(
        seconds / 1000 if seconds > _LARGEST_SECONDS else seconds, timezone.utc
    )


def _iso(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
