"""What may happen to returns: asked for, decided, sent, inspected, ended, taken up again."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from returnsdesk.domain.policy import SETTLEMENTS
from returnsdesk.services import inspections, refunds, reopening, return_moves, returns
from returnsdesk.services.errors import ServiceError
from returnsdesk.services.overrides import Override
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from returnsdesk.services.views import ReturnView
from tests.properties.desk import Desk, rule_about
from tests.properties.random_shops import AGENT, CONVERSATION, SKUS

REASONS = ("too_small", "style", "defective", "not_as_described", "other")
picks = st.integers(0, 7)

OPEN_RETURNS = "SELECT rma_number FROM returns WHERE closed_at IS NULL ORDER BY id DESC"

wishes = st.tuples(
    picks,
    st.integers(0, 4),
    st.sampled_from(REASONS),
    st.sampled_from(["refund", "refund", "exchange"]),
    st.sampled_from(SKUS),
)
_decisions = {
    "approve": return_moves.approve,
    "cancel": return_moves.cancel,
    "record_scan": return_moves.record_scan,
    "record_arrival": return_moves.record_arrival,
    "report_lost": return_moves.report_lost,
    "resume": return_moves.resume,
    "close_short": return_moves.close_short,
    "reopen": reopening.reopen,
}


class ReturnsRules(Desk):
    """Rules about returns."""

    requests: list[ReturnRequest]

    def a_return(self, pick: int) -> str:
        """The number of one of the returns; one that does not exist when there is none."""
        return str(self.one_of("SELECT rma_number FROM returns ORDER BY id DESC", pick) or "RMA-1")

    def _request(
        self, pick: int, wanted: list[tuple[int, int, str, str, str]], settlement: str | None
    ) -> ReturnRequest:
        order_number, _line = self.lines[pick % len(self.lines)]
        own = [line for order, line in self.lines if order == order_number]
        lines = tuple(
            RequestedLine(
                own[line % len(own)],
                quantity,
                reason,
                outcome,
                sku if outcome == "exchange" else None,
            )
            for line, quantity, reason, outcome, sku in wanted
        )
        key = f"key-{len(self.asked)}"
        counts = self.asked.setdefault(key, {})
        for line in lines:
            name = line.order_line_external_id
            counts[name] = counts.get(name, 0) + line.quantity
        return ReturnRequest(order_number, lines, settlement, key)

    @rule(
        pick=picks,
        wanted=st.lists(wishes, min_size=1, max_size=3),
        settlement=st.sampled_from([*SETTLEMENTS, None]),
    )
    def shopper_asks(
        self, pick: int, wanted: list[tuple[int, int, str, str, str]], settlement: str | None
    ) -> None:
        """A return, an exchange or both in one request."""
        request = self._request(pick, wanted, settlement)
        self._register(request)

    @rule(pick=picks, line=picks, quantity=st.integers(1, 3))
    def shopper_returns_some_units(self, pick: int, line: int, quantity: int) -> None:
        """The plain case, so that most examples have returns."""
        self._register(self._request(pick, [(line, quantity, "style", "refund", "")], "original"))

    @rule(pick=picks, line=picks, product=st.integers(0, 1), size=st.integers(0, 2))
    def shopper_exchanges_a_unit(self, pick: int, line: int, product: int, size: int) -> None:
        """The plain exchange, for what is likely to be in stock."""
        wish = (line, 1, "too_small", "exchange", SKUS[product * 3 + size])
        self._register(self._request(pick, [wish], None))

    def _register(self, request: ReturnRequest) -> None:
        first = self.run(
            returns.create, request, actor="shopper", channel="web", conversation_id=CONVERSATION
        )
        if isinstance(first, ReturnView):
            before = self.shop.commits()
            again = self.run(
                returns.create,
                request,
                actor="shopper",
                channel="web",
                conversation_id=CONVERSATION,
            )
            assert isinstance(again, ReturnView) and again.rma_number == first.rma_number
            assert self.shop.commits() == before or again == first

    @rule(
        pick=picks,
        wanted=st.lists(wishes, min_size=1, max_size=2),
        actor=st.sampled_from([AGENT, AGENT, "agent ", "shopper", "system"]),
        reason=st.sampled_from(["good customer", "good customer", " "]),
    )
    def staff_sets_rules_aside(
        self, pick: int, wanted: list[tuple[int, int, str, str, str]], actor: str, reason: str
    ) -> None:
        """Only staff by name, and only with a reason."""
        result = self.run(
            returns.create, self._request(pick, wanted, "original"), actor=actor, channel="console",
            override=Override(reason),
        )  # fmt: skip
        if actor != AGENT or not reason.strip():
            assert isinstance(result, ServiceError)

    @rule_about("returns", pick=picks, command=st.sampled_from(sorted(_decisions)))
    def something_happens_to_a_return(self, pick: int, command: str) -> None:
        """Any command on any return, whether or not its state allows it."""
        self.run(_decisions[command], self.a_return(pick), actor=AGENT)

    @rule_about("returns", pick=picks, text=st.sampled_from(["worn", ""]))
    def a_return_is_declined(self, pick: int, text: str) -> None:
        self.run(return_moves.decline, self.a_return(pick), "WORN", text, actor=AGENT)

    @rule_about("returns", pick=picks)
    def a_return_expires(self, pick: int) -> None:
        self.run(return_moves.expire, self.a_return(pick))

    @rule_about("returns", pick=picks, has_proof=st.booleans())
    def a_lost_parcel_is_accepted(self, pick: int, has_proof: bool) -> None:
        self.run(
            return_moves.accept_lost,
            self.a_return(pick),
            actor=AGENT,
            has_proof_of_posting=has_proof,
        )

    @rule_about("returns", pick=picks)
    def a_return_is_put_on_hold(self, pick: int) -> None:
        self.run(return_moves.hold, self.a_return(pick), "WRONG_ITEM", "not ours", actor=AGENT)

    @rule_about(
        "returns",
        pick=picks,
        line=picks,
        quantity=st.integers(0, 3),
        grade=st.sampled_from("AAABC"),
        outcome=st.sampled_from(["refund", "exchange", None, None]),
    )
    def units_are_inspected(
        self, pick: int, line: int, quantity: int, grade: str, outcome: str | None
    ) -> None:
        """In any steps; one unit too many is refused."""
        self._inspect(self.a_return(pick), line, quantity, grade, outcome)

    def _inspect(
        self, rma_number: str, line: int, quantity: int, grade: str, outcome: str | None
    ) -> None:
        external_id = self.one_of(
            "SELECT bought.external_id FROM return_lines line"
            " JOIN order_lines bought ON bought.id = line.order_line_id"
            " JOIN returns document ON document.id = line.return_id"
            " WHERE document.rma_number = :number ORDER BY line.id",
            line,
            number=rma_number,
        )
        self.run(
            inspections.inspect_line, rma_number, external_id or "none", quantity, grade, actor=AGENT,
            reason="worn" if grade == "C" else None, outcome=outcome,
        )  # fmt: skip

    @precondition(lambda self: bool(self.shop.values(OPEN_RETURNS)))
    @rule(pick=picks, steps=st.integers(1, 5), grades=st.lists(st.sampled_from("AABC"), min_size=4))
    def a_return_goes_its_way(self, pick: int, steps: int, grades: list[str]) -> None:
        """The next steps of one that is open, so that many come far."""
        number = self.one_of(OPEN_RETURNS, pick)
        for _ in range(steps if number else 0):
            self._next_step(number, self._status(number), grades)

    @rule(
        pick=picks,
        line=picks,
        quantity=st.integers(1, 3),
        sku=st.one_of(st.none(), st.sampled_from(SKUS)),
        steps=st.integers(2, 4),
        grades=st.lists(st.sampled_from("AABC"), min_size=4),
    )
    def goods_are_asked_for_and_come_back(
        self, pick: int, line: int, quantity: int, sku: str | None, steps: int, grades: list[str]
    ) -> None:
        """From the wish for money or for another item to the inspection or the refund in one go."""
        outcome = "exchange" if sku else "refund"
        wish = (line, quantity, "too_large", outcome, sku or "")
        self._register(self._request(pick, [wish], "original"))
        self.a_return_goes_its_way(0, steps, grades)

    def _next_step(self, number: str, status: str, grades: list[str]) -> None:
        if status == "requested":
            self.run(return_moves.approve, number, actor=AGENT)
        elif status in ("approved", "label_issued", "in_transit", "lost"):
            self.run(return_moves.record_arrival, number, actor="carrier")
        elif status == "on_hold":
            self.run(return_moves.resume, number, actor=AGENT)
        elif status == "arrived":
            for position, grade in enumerate(grades):
                if self._status(number) == "arrived":
                    self._inspect(number, position, 1, grade, None)
        elif status == "inspected":
            self.run(refunds.start, number, actor=AGENT)

    def _status(self, number: str) -> str:
        return str(
            self.shop.values(
                "SELECT status FROM returns WHERE rma_number = :number", number=number
            )[0]
        )
