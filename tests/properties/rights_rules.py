"""What may happen to claims and withdrawals: opened, shown by photos, decided; declared, opened, refused."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from returnsdesk.domain.policy import CLAIM_TYPES
from returnsdesk.services import claim_decisions, claims, withdrawal_returns, withdrawals
from returnsdesk.services.claims import ClaimRequest
from returnsdesk.services.overrides import Override
from returnsdesk.services.withdrawals import Declaration
from tests.properties.desk import Desk, rule_about
from tests.properties.random_shops import AGENT, CONVERSATION, SKUS, STRANGER

picks = st.integers(0, 7)
PHOTO = "0123456789abcdef0123456789abcdef"


class RightsRules(Desk):
    """Rules about claims and withdrawals."""

    def a_claim(self, pick: int) -> str:
        """The number of one of the claims, or of none."""
        return str(self.one_of("SELECT number FROM claims ORDER BY id DESC", pick) or "CLM-1")

    def a_withdrawal(self, pick: int) -> str:
        """The number of one of the withdrawals, or of none."""
        return str(self.one_of("SELECT number FROM withdrawals ORDER BY id DESC", pick) or "WD-1")

    @rule(
        pick=picks,
        wanted=st.lists(st.tuples(picks, st.integers(0, 3)), min_size=1, max_size=2),
        kind=st.sampled_from(CLAIM_TYPES),
        wish=st.sampled_from(["refund", "replacement"]),
        has_photo=st.booleans(),
        by_staff=st.booleans(),
    )
    def a_claim_is_opened(
        self,
        pick: int,
        wanted: list[tuple[int, int]],
        kind: str,
        wish: str,
        has_photo: bool,
        by_staff: bool,
    ) -> None:
        """By the shopper, or by staff whatever the rules say."""
        order_number, _line = self.lines[pick % len(self.lines)]
        own = [line for order, line in self.lines if order == order_number]
        self.claims_opened = getattr(self, "claims_opened", 0) + 1
        request = ClaimRequest(
            order_number=order_number,
            lines=tuple((own[line % len(own)], quantity) for line, quantity in wanted),
            type=kind,
            wanted=wish,
            idempotency_key=f"claim-{self.claims_opened}",
            photo_ids=(PHOTO,) if has_photo and by_staff else (),
        )
        for _ in range(2):
            self.run(
                claims.open_claim,
                request,
                actor=AGENT if by_staff else "shopper",
                channel="console" if by_staff else "web",
                conversation_id=CONVERSATION,
                override=Override("seen by us") if by_staff else None,
            )

    @rule_about("claims", pick=picks)
    def a_photo_is_added(self, pick: int) -> None:
        self.run(claims.add_evidence, self.a_claim(pick), PHOTO, actor=AGENT)

    @rule_about(
        "claims",
        pick=picks,
        resolution=st.sampled_from(claim_decisions.RESOLUTIONS),
        keep=st.booleans(),
        amount=st.sampled_from([None, None, 1, 250, 10**6]),
        names=st.lists(st.tuples(picks, st.sampled_from(SKUS)), max_size=2),
    )
    def a_claim_is_approved(
        self,
        pick: int,
        resolution: str,
        keep: bool,
        amount: int | None,
        names: list[tuple[int, str]],
    ) -> None:
        number = self.a_claim(pick)
        lines = self.shop.values(
            "SELECT bought.external_id FROM claim_lines line JOIN order_lines bought ON bought.id = line.order_line_id"
            " JOIN claims claim ON claim.id = line.claim_id WHERE claim.number = :number",
            number=number,
        )
        skus = {lines[line % len(lines)]: sku for line, sku in names} if lines else {}
        self.run(
            claim_decisions.approve, number, resolution, actor=AGENT, keep_item=keep,
            amount_minor=amount, skus=skus or None,
        )  # fmt: skip

    @rule_about(
        "claims",
        pick=picks,
        resolution=st.sampled_from(["refund", "replacement"]),
        keep=st.booleans(),
    )
    def a_claim_is_plainly_approved(self, pick: int, resolution: str, keep: bool) -> None:
        self.run(
            claim_decisions.approve, self.a_claim(pick), resolution, actor=AGENT, keep_item=keep
        )

    @rule_about("claims", pick=picks, text=st.sampled_from(["not ours", " "]))
    def a_claim_is_denied(self, pick: int, text: str) -> None:
        self.run(claim_decisions.deny, self.a_claim(pick), text, actor=AGENT)

    @rule(
        pick=picks,
        is_whole=st.booleans(),
        line=picks,
        quantity=st.integers(1, 3),
        by_stranger=st.booleans(),
    )
    def a_withdrawal_is_declared(
        self, pick: int, is_whole: bool, line: int, quantity: int, by_stranger: bool
    ) -> None:
        """Always stored: a declaration is never refused."""
        order_number, _line = self.lines[pick % len(self.lines)]
        own = [each for order, each in self.lines if order == order_number]
        declared = len(self.shop.values("SELECT id FROM withdrawals"))
        result = self.run(
            withdrawals.declare,
            Declaration(
                order_number_given=order_number,
                order_id=self.shop.values(
                    "SELECT id FROM orders WHERE number = :number", number=order_number
                )[0],
                name="Noor Visser",
                contact="noor@mail.example",
                words=f"I withdraw ({declared})",
                language="nl",
                idempotency_key=f"withdrawal-{declared}",
                lines=() if is_whole else ((own[line % len(own)], quantity),),
            ),
            actor="shopper",
            channel="web",
            conversation_id=STRANGER if by_stranger else CONVERSATION,
        )
        assert not isinstance(result, Exception)
        assert len(self.shop.values("SELECT id FROM withdrawals")) == declared + 1

    @rule_about("withdrawals", pick=picks, names_order=st.booleans())
    def the_return_of_a_withdrawal_is_opened(self, pick: int, names_order: bool) -> None:
        order_number, _line = self.lines[pick % len(self.lines)]
        for _ in range(2):
            self.run(
                withdrawal_returns.open_return, self.a_withdrawal(pick), actor=AGENT,
                order_number=order_number if names_order else None,
            )  # fmt: skip

    @rule_about("withdrawals", pick=picks)
    def a_withdrawal_is_refused(self, pick: int) -> None:
        self.run(withdrawals.refuse, self.a_withdrawal(pick), "made for you", actor=AGENT)
