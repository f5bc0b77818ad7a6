"""All tables in one place, so that migrations and callers see the same set."""

from returnsdesk.db.models.conversations import (
    ButtonToken,
    Conversation,
    Draft,
    DraftLine,
    IdentityAttempt,
    Message,
    OneTimeCode,
    StaffAccount,
    VerifiedSession,
)
from returnsdesk.db.models.documents import (
    Case,
    Event,
    Exchange,
    ExchangeLine,
    InboundParcel,
    Inspection,
    OutboxJob,
    Refund,
    RefundPart,
    Reservation,
    Return,
    ReturnLine,
    UnitClaim,
)
from returnsdesk.db.models.shop import (
    Customer,
    Order,
    OrderLine,
    OrderUnit,
    Payment,
    PaymentMethod,
    PolicyVersion,
    Product,
    Shipment,
    StockItem,
    Variant,
)

__all__ = [
    "ButtonToken", "Case", "Conversation", "Customer", "Draft", "DraftLine", "Event", "Exchange", "ExchangeLine", "IdentityAttempt",
    "InboundParcel", "Inspection", "Message", "OneTimeCode", "Order", "OrderLine", "OrderUnit", "OutboxJob", "Payment",
    "PaymentMethod", "PolicyVersion", "Product", "Refund", "RefundPart", "Reservation", "Return", "ReturnLine", "Shipment",
    "StaffAccount", "StockItem", "UnitClaim", "Variant", "VerifiedSession",
]
