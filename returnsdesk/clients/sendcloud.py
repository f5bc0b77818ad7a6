"""Sendcloud: return labels from many carriers over its public API, version 3.

Written after its documentation at sendcloud.dev: /docs/returns, /api/v3/returns/create-a-return, /retrieve-a-return,
/retrieve-a-list-of-returns, /request-cancellation-of-a-return, /api/v3/shipping-options,
/api/v3/parcel-documents/retrieve-a-parcel-document and /docs/getting-started/rate-limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import requests
from babel.numbers import get_currency_precision
from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_fixed

from returnsdesk.clients.carrier import PICK_UP, CarrierReport, LabelItem, LabelMade, LabelRequest
from returnsdesk.clients.http import HttpProvider, ProviderRefused, ProviderUnavailable
from returnsdesk.clients.sendcloud_reports import reports_in_return
from returnsdesk.domain.addresses import Address

# Sendcloud wants a weight, shops rarely know that of a return; carriers weigh parcels themselves.
ASSUMED_GRAMS: Final = 1000
LOOKS_FOR_LABEL: Final = 3
SECONDS_BETWEEN_LOOKS: Final = 1.0
PAGES_SEARCHED: Final = 25
_DAYS_SEARCHED: Final = 60


class Sendcloud:
    """A Sendcloud integration, by its public and secret key (HTTP basic authentication)."""

    def __init__(
        self,
        url: str,
        public_key: str,
        secret_key: str,
        *,
        seconds_between_looks: float = SECONDS_BETWEEN_LOOKS,
        first_wait_seconds: float = 0.5,
        read_seconds: float = 15,
    ) -> None:
        self._http = HttpProvider(
            "Sendcloud",
            url,
            auth=(public_key, secret_key),
            first_wait_seconds=first_wait_seconds,
            read_seconds=read_seconds,
        )
        self._seconds_between_looks = seconds_between_looks

    def make_label(self, request: LabelRequest) -> LabelMade:
        """Create a return, or find the one of the same key, and fetch its label.

        The key is the return's `external_reference`, which Sendcloud takes once only: asking again after an answer
        that got lost is refused there, and the return made before is looked up. A label that the carrier has not
        given yet is `ProviderUnavailable`.
        """
        if not (request.sender.is_complete and request.receiver.is_complete):
            raise ProviderRefused(
                0, "an address lacks a name, street, postcode, town or country (docs/providers.md)"
            )
        try:
            return_id = int(
                self._json("POST", "/returns", json=self._return_for(request))["return_id"]
            )
        except ProviderRefused as refusal:
            if not _says_taken(refusal):
                raise
            return_id = self._find(request)
        return self._label_of(return_id)

    def void_label(self, reference: str) -> None:
        """Request cancellation; carriers that cannot (409) charge unused labels or not, as their contract says."""
        try:
            self._call("PATCH", f"/returns/{int(reference)}/cancel", repeatable=True)
        except ProviderRefused as refusal:
            if refusal.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                raise

    def track(self, tracking_number: str, reference: str | None) -> list[CarrierReport]:
        """The history of a return, which lists what its carrier reported."""
        del tracking_number
        if reference is None or not reference.isdigit():
            return []
        try:
            return reports_in_return(self._get_return(int(reference)))
        except ProviderRefused as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                return []
            raise

    def _call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call; keys that Sendcloud does not accept are the operator's to mend, so the call is worth repeating then."""
        try:
            return self._http.call(method, path, **options)
        except ProviderRefused as refusal:
            if refusal.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise ProviderUnavailable(
                    f"Sendcloud does not accept the keys (HTTP {refusal.status})"
                ) from refusal
            raise

    def _json(self, method: str, path: str, **options: Any) -> _Answer:
        try:
            answer = self._call(method, path, repeatable=True, **options).json()
        except ValueError as error:
            raise ProviderUnavailable(f"Sendcloud answers {path} with what is no JSON") from error
        return _Answer(answer if isinstance(answer, dict) else {})

    def _return_for(self, request: LabelRequest) -> dict[str, Any]:
        grams = request.weight_grams or ASSUMED_GRAMS
        weight = {"value": grams / 1000, "unit": "kg"}
        is_picked_up = request.method == PICK_UP
        return {
            "from_address": _address(request.sender),
            "to_address": _address(request.receiver),
            "ship_with": {
                "type": "shipping_option_code",
                "shipping_option_code": self._option(request, weight, is_picked_up=is_picked_up),
            },
            "weight": weight,
            "parcel_items": [_item(each) for each in request.items],
            "send_tracking_emails": False,
            # The list of returns shows this and not the external reference: the key makes it findable there.
            "order_number": _order_number(request),
            "external_reference": request.key,
            "delivery_option": "pickup" if is_picked_up else "drop_off_point",
        }

    def _option(self, request: LabelRequest, weight: dict[str, Any], *, is_picked_up: bool) -> str:
        """The first return option that the shop's account has between the two countries."""
        wanted: dict[str, Any] = {"returns": True}
        if is_picked_up:
            wanted["first_mile"] = "pickup"
        answer = self._json(
            "POST",
            "/shipping-options",
            json={
                "from_address": _place(request.sender),
                "to_address": _place(request.receiver),
                "parcels": [{"weight": weight}],
                "functionalities": wanted,
            },
        )
        options = answer.get("data") or []
        if not options:
            raise ProviderRefused(
                0,
                f"the Sendcloud account has no return option from {request.sender.country} "
                f"to {request.receiver.country}",
            )
        return str(options[0]["code"])

    def _find(self, request: LabelRequest) -> int:
        """The number of the return made before under a request's key."""
        query = {
            "from_date": _stamp(request.requested_at - timedelta(days=1)),
            "to_date": _stamp(request.requested_at + timedelta(days=_DAYS_SEARCHED)),
            "page_size": "40",
        }
        for _page in range(PAGES_SEARCHED):
            answer = self._json("GET", "/returns", params=query)
            for found in answer.get("data") or []:
                if found.get("order_number") == _order_number(request) and found.get("id"):
                    return int(found["id"])
            cursor = parse_qs(urlsplit(answer.get("next") or "").query).get("cursor")
            if not cursor:
                break
            query["cursor"] = cursor[0]
        raise ProviderUnavailable(f"Sendcloud knows {request.key} but does not list it yet")

    def _label_of(self, return_id: int) -> LabelMade:
        retrying = Retrying(
            retry=retry_if_result(lambda found: not _is_announced(found)),
            stop=stop_after_attempt(LOOKS_FOR_LABEL),
            wait=wait_fixed(self._seconds_between_looks),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else {},
        )
        found: dict[str, Any] = retrying(self._get_return, return_id)
        if not _is_announced(found):
            raise ProviderUnavailable(
                f"the label of Sendcloud's return {return_id} is not ready yet"
            )
        parcel_id = _parcel_in(found["label"])
        pdf = self._call(
            "GET",
            f"/parcels/{parcel_id}/documents/label",
            repeatable=True,
            params={"paper_size": "A6"},
            headers={"Accept": "application/pdf"},
        ).content
        if not pdf.startswith(b"%PDF"):
            raise ProviderUnavailable("Sendcloud sent something that is no PDF as a label")
        return LabelMade(
            tracking_number=str(found["tracking_number"]),
            carrier=_carrier_of(found),
            reference=str(return_id),
            pdf=pdf,
            tracking_url=found.get("tracking_url"),
        )

    def _get_return(self, return_id: int) -> dict[str, Any]:
        """The return as it stands; raises `ProviderRefused` when its carrier has turned it down."""
        found = self._json("GET", f"/returns/{return_id}")
        errors = found.get("errors") or []
        if errors and not _is_announced(found):
            said = "; ".join(str(each.get("detail") or each.get("title")) for each in errors)
            raise ProviderRefused(HTTPStatus.UNPROCESSABLE_ENTITY, said[:500])
        return found


class _Answer(dict[str, Any]):
    """An answer of Sendcloud; what it lacks is no fault of the request, so it is worth asking again."""

    def __missing__(self, key: str) -> Any:
        raise ProviderUnavailable(f"Sendcloud's answer lacks {key}")


def _address(address: Address) -> dict[str, str]:
    parts = {
        "name": address.name,
        "address_line_1": address.line1,
        "address_line_2": address.line2,
        "postal_code": address.postcode,
        "city": address.city,
        "country_code": address.country,
        "email": address.email,
        "phone_number": address.phone,
    }
    return {name: value for name, value in parts.items() if value}


def _place(address: Address) -> dict[str, str]:
    return {
        "country_code": address.country,
        "postal_code": address.postcode,
        "city": address.city,
        "address_line_1": address.line1,
    }


def _item(item: LabelItem) -> dict[str, Any]:
    digits = get_currency_precision(item.currency)
    each = Decimal(item.value_minor).scaleb(-digits) / item.quantity
    return {
        "description": item.description,
        "quantity": item.quantity,
        "sku": item.sku,
        "price": {"value": float(round(each, digits)), "currency": item.currency},
    }


def _order_number(request: LabelRequest) -> str:
    return f"{request.order_number} {request.key}"


def _says_taken(refusal: ProviderRefused) -> bool:
    """Whether Sendcloud has a return of this external reference already (400, "has already been used")."""
    return refusal.status == HTTPStatus.BAD_REQUEST and "already been used" in refusal.message


def _is_announced(found: Mapping[str, Any]) -> bool:
    return bool(found.get("tracking_number") and (found.get("label") or {}).get("label_printer"))


def _parcel_in(label: Mapping[str, Any]) -> int:
    """The number of the parcel, which a return names only in the addresses of its label."""
    found = re.search(r"/parcels/(\d+)/documents/", str(label["label_printer"]))
    if found is None:
        raise ProviderUnavailable("Sendcloud names the label's parcel in a way that is not known")
    return int(found[1])


def _carrier_of(found: Mapping[str, Any]) -> str:
    """The carrier's code, which the codes of shipping options begin with ("postnl:standard/signature")."""
    for part in ("shipping_option", "shipping_product"):
        code = (found.get(part) or {}).get("code")
        if code:
            return str(code).partition(":")[0]
    return "Sendcloud"


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
