"""Loading customers with their ways of paying, by customer id and method id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from returnsdesk.db.import_context import Effect, ImportContext, assign, effect_of, minor
from returnsdesk.db.models import Customer, PaymentMethod
from returnsdesk.db.shop_files import LineRejected
from returnsdesk.db.shop_records import CustomerRecord, PaymentMethodRecord
from returnsdesk.domain.mentions import normalise_email


class CustomerImport:
    """Loads customers within one transaction; those that are there already are read once, at the start."""

    def __init__(
        self, session: Session, context: ImportContext, records: Sequence[CustomerRecord]
    ) -> None:
        """Read what the records may change."""
        self._session = session
        self._context = context
        self._customers = {
            customer.external_id: customer
            for customer in session.scalars(
                select(Customer)
                .where(Customer.external_id.in_([record.customer_id for record in records]))
                .options(selectinload(Customer.payment_methods))
            )
        }
        methods = [method.id for record in records for method in record.payment_methods]
        owners = session.execute(
            select(PaymentMethod.external_id, Customer.external_id)
            .join(Customer, Customer.id == PaymentMethod.customer_id)
            .where(PaymentMethod.external_id.in_(methods))
        )
        self._owner_of_method: dict[str, str] = dict(owners.all())

    def load(self, record: CustomerRecord) -> Effect:
        """Load one customer whole, or raise `LineRejected` before anything has changed."""
        methods = self._check(record)
        customer = self._customers.get(record.customer_id)
        if customer is not None and customer.erased_at is not None:
            return Effect.UNCHANGED
        is_new = customer is None
        if customer is None:
            customer = Customer(external_id=record.customer_id)
            self._session.add(customer)
            self._customers[record.customer_id] = customer
        changed = assign(
            customer,
            {
                "email": record.email,
                "email_norm": normalise_email(record.email),
                "first_name": record.first_name,
                "last_name": record.last_name,
                "phone": record.phone,
                "language": record.language,
                "tier": record.tier,
                "paid_member": record.paid_member,
                "member_since": self._context.moved(record.member_since),
                "address": self._context.address(record.address),
            },
        )
        changed |= _load_methods(customer, methods)
        self._owner_of_method.update(dict.fromkeys(methods, record.customer_id))
        return effect_of(is_new=is_new, changed=changed)

    def _check(self, record: CustomerRecord) -> dict[str, dict[str, Any]]:
        """Columns of each way of paying by its id; raises `LineRejected` when one cannot be loaded."""
        methods: dict[str, dict[str, Any]] = {}
        for method in record.payment_methods:
            if method.id in methods:
                raise LineRejected(f"payment method {method.id} stands there twice")
            owner = self._owner_of_method.get(method.id, record.customer_id)
            if owner != record.customer_id:
                raise LineRejected(f"payment method {method.id} belongs to customer {owner}")
            methods[method.id] = _columns(method)
        return methods


def _columns(method: PaymentMethodRecord) -> dict[str, Any]:
    balance = None
    if method.balance is not None:
        if method.currency is None:
            raise LineRejected(f"the balance of {method.id} has no currency")
        balance = minor(method.balance, method.currency, f"balance of {method.id}")
    return {
        "kind": method.type,
        "brand": method.brand,
        "last_four": method.last_four,
        "balance_minor": balance,
        "currency": method.currency,
    }


def _load_methods(customer: Customer, methods: dict[str, dict[str, Any]]) -> bool:
    changed = False
    for kept in list(customer.payment_methods):
        if kept.external_id in methods:
            changed |= assign(kept, methods[kept.external_id])
        else:
            # Payments of orders hold what they need to know of a method themselves.
            customer.payment_methods.remove(kept)
            changed = True
    known = {kept.external_id for kept in customer.payment_methods}
    for external_id, columns in methods.items():
        if external_id not in known:
            customer.payment_methods.append(PaymentMethod(external_id=external_id, **columns))
            changed = True
    return changed
