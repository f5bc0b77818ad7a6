"""Ten days of a small desk, few enough to count by hand; the clock of Amsterdam changes within them."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Case,
    Conversation,
    Customer,
    Event,
    Message,
    Order,
    OrderLine,
    Payment,
    Product,
    Refund,
    RefundPart,
    Return,
    ReturnLine,
    Variant,
)
from returnsdesk.services.insight_scope import Scope

# Summer time begins on 29 March 2026 at 01:00 UTC.
PERIOD = Scope(date(2026, 3, 23), date(2026, 4, 1), "Europe/Amsterdam")


def utc(day: str, clock: str = "10:00") -> datetime:
    return datetime.fromisoformat(f"2026-{day}T{clock}:00+00:00")


def fill(session: Session) -> None:
    """Everything that the expected numbers of the tests were counted from."""
    anna, bas = _customer("anna"), _customer("bas")
    session.add_all([anna, bas])
    session.flush()
    _conversations(session, anna, bas)
    _returns(session, anna)


def _customer(name: str) -> Customer:
    return Customer(
        external_id=name, email=f"{name}@mail.example", email_norm=f"{name}@mail.example",
        first_name=name.capitalize(), last_name="Visser", address={"city": "Breda"},
    )  # fmt: skip


def conversation(name: str, at: datetime, language: str = "en", **facts: object) -> Conversation:
    values = {"channel": "web", "last_seq": 2, "state": "bot", "fallback_count": 0, **facts}
    return Conversation(id=name, language=language, created_at=at, last_message_at=at, **values)


def missed(conversation_id: str, seq: int, text: str, at: datetime, **facts: object) -> Message:
    """A shopper's message that was not understood; `facts` say otherwise."""
    values = {
        "intent": "nlu_fallback", "confidence": 0.3, "is_fallback": True,
        "trace": {"ranking": [{"name": "nlu_fallback"}, {"name": "out_of_scope"}], "entities": []},
        **facts,
    }  # fmt: skip
    return Message(
        conversation_id=conversation_id, seq=seq, author="shopper", text=text, state="answered", content={},
        created_at=at, **values,
    )  # fmt: skip


def _conversations(session: Session, anna: Customer, bas: Customer) -> None:
    session.add_all(
        [
            # Half past midnight on 29 March in Amsterdam, then half past midnight on 30 March.
            conversation("c1", utc("03-28", "23:30"), customer_id=bas.id),
            conversation("c2", utc("03-29", "22:30"), "nl", handed_over_at=utc("03-29", "22:35")),
            conversation("c3", utc("03-29", "21:30"), "nl", channel="telegram", customer_id=anna.id, csat=5),
            # Ten past midnight on 23 March, the first day; ten to midnight on 22 March, the day before.
            conversation("c4", utc("03-22", "23:10"), "de", customer_id=anna.id, fallback_count=1, csat=4),
            conversation("c5", utc("03-22", "22:50"), "de", customer_id=anna.id, csat=1),
            # Opened, and nothing said.
            conversation("c6", utc("03-25"), last_seq=0),
            # The last minute of the last day, and the first instant after it.
            conversation("c7", utc("04-01", "21:59"), customer_id=bas.id, handed_over_at=utc("04-01", "21:59")),
            conversation("c8", utc("04-01", "22:00")),
        ]
    )  # fmt: skip
    session.flush()
    for seq, clock in ((1, "22:45"), (2, "23:00")):
        session.add(
            Message(
                conversation_id="c2", seq=seq, author="agent", text="Hello", state="sent", content={},
                created_at=utc("03-29", clock),
            )
        )  # fmt: skip
    cases = (
        ("c2", utc("03-30", "00:35"), None),
        ("c2", None, "refund"),
        ("c7", None, None),
    )
    for conversation_id, closed_at, document in cases:
        session.add(
            Case(
                conversation_id=conversation_id, reason="person", summary="", status="open",
                created_at=utc("03-29"), closed_at=closed_at, document=document,
            )
        )  # fmt: skip
    session.add_all(
        [
            missed("c4", 1, "Do you sell gift cards?", utc("03-23")),
            missed("c4", 2, "do you sell gift cards", utc("03-23", "10:01")),
            missed("c3", 1, "do you sell gift cards", utc("03-29", "21:31")),
            missed("c1", 1, "what is the weather in Breda", utc("03-29")),
            missed("c5", 1, "an older one", utc("03-22", "22:51")),
        ]
    )


def _returns(session: Session, anna: Customer) -> None:
    shoes, shirt = _product("Sneakers", "42", "43"), _product("Shirt", "M")
    order = Order(
        number="LL-1", number_norm="LL1", customer=anna, email_norm=anna.email_norm, status="delivered",
        placed_at=utc("03-01"), currency="EUR", country="NL",
    )  # fmt: skip
    variants = [*shoes.variants, *shirt.variants]
    lines = [
        OrderLine(
            external_id=variant.sku, variant=variant, sku=variant.sku, name="Schoen", options=dict(variant.options),
            quantity=9, unit_price_minor=1000, paid_minor=9000,
        )
        for variant in variants
    ]  # fmt: skip
    order.lines = lines
    order.payments = [Payment(method_external_id="p", kind="credit_card", captured_minor=9000)]
    session.add_all([shoes, shirt, order])
    session.flush()
    small, large, shirts = lines
    first = _return(order, "RMA-1", utc("03-24"), [(small, 2, "too_small", "exchange")])
    first.shipped_at, first.arrived_at = utc("03-23"), utc("03-24")
    # A Tuesday to a Friday: three working days.
    first.inspected_at = utc("03-27")
    second = _return(
        order, "RMA-2", utc("03-25"), [(large, 1, "too_large", "refund"), (shirts, 3, "changed_mind", "refund")]
    )  # fmt: skip
    # A Wednesday to the next Tuesday: four working days.
    second.arrived_at, second.inspected_at = utc("03-25"), utc("03-31")
    gone = _return(order, "RMA-3", utc("03-26"), [(small, 5, "too_small", "refund")])
    gone.status = "cancelled"
    earlier = _return(order, "RMA-4", utc("03-15"), [(small, 1, "too_small", "exchange")])
    session.add_all([first, second, gone, earlier])
    session.flush()
    session.add(
        Event(
            at=utc("03-26"), actor="mila", command="approve", document="return", document_id=second.id,
            before={}, after={},
        )
    )  # fmt: skip
    payment = order.payments[0]
    session.add_all(
        [
            _refund(first, "1", "EUR", utc("03-27"), [(1000, payment, "settled")]),
            _refund(second, "2", "EUR", utc("03-31"), [(500, None, "sending"), (700, payment, "failed")]),
            _refund(second, "3", "NOK", utc("03-31"), [(20000, payment, "pending")]),
            _refund(earlier, "4", "EUR", utc("03-16"), [(250, payment, "settled")]),
        ]
    )  # fmt: skip


def _product(name: str, *sizes: str) -> Product:
    product = Product(external_id=name, names={"en": name, "nl": "Schoen"})
    product.variants = [
        Variant(sku=f"{name}-{size}", options={"Size": size}, price_minor=1000, currency="EUR")
        for size in sizes
    ]
    return product


def _return(
    order: Order, number: str, at: datetime, lines: list[tuple[OrderLine, int, str, str]]
) -> Return:
    document = Return(
        rma_number=number, order=order, created_by="test", channel="web", status="closed", currency="EUR",
        idempotency_key=number, requested_at=at, ship_by=at + timedelta(days=14),
    )  # fmt: skip
    document.lines = [
        ReturnLine(order_line=line, quantity=quantity, reason=reason, outcome=outcome)
        for line, quantity, reason, outcome in lines
    ]
    return document


def _refund(
    document: Return, key: str, currency: str, at: datetime, parts: list[tuple[int, Payment | None, str]]
) -> Refund:  # fmt: skip
    refund = Refund(
        return_=document, idempotency_key=key, amount_minor=sum(part[0] for part in parts), currency=currency,
        breakdown={}, status="sending", created_at=at.astimezone(timezone.utc),
    )  # fmt: skip
    refund.parts = [
        RefundPart(amount_minor=amount, payment=payment, idempotency_key=f"{key}-{place}", status=status)
        for place, (amount, payment, status) in enumerate(parts)
    ]  # fmt: skip
    return refund
