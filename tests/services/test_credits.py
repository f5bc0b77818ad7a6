"""Credit at the shop: codes that can be read out and not guessed, each given once, and listed for the checkout."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from returnsdesk.cli import credits as command
from returnsdesk.db import migrate
from returnsdesk.db.models import Event
from returnsdesk.db.session import Database
from returnsdesk.services import credits as store_credits
from returnsdesk.services import refunds, sample_shop
from returnsdesk.services.errors import NotFound, ServiceError
from tests.services.money import Desk, accepted, codes, free, paid_back, use_policy
from tests.services.shop import NOW


def give(shop, amount_minor=500, **changes):
    wanted = {"reason": "parcel came late", "actor": "agent x", "now": NOW, **changes}
    return store_credits.give_coupon(shop, "#ll-2", amount_minor, **wanted)


def test_codes_are_readable_and_never_the_same():
    made = {store_credits.new_code() for _ in range(2000)}
    assert len(made) == 2000
    for code in made:
        assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
        assert not set(code) & set("0O1I")


def test_a_coupon_of_the_team_has_a_reason_and_counts_for_nothing(shop):
    use_policy(shop, refund={"credit_valid_days": 30})
    coupon = give(shop)
    assert (coupon.kind, coupon.amount_minor, coupon.currency) == ("coupon", 500, "EUR")
    assert (coupon.order_number, coupon.expires_at) == ("LL-2", NOW + timedelta(days=30))
    assert paid_back(shop) == [0, 0]
    with shop.read() as session:
        event = session.scalars(select(Event).where(Event.command == "give_coupon")).one()
        assert (event.actor, event.after["reason"]) == ("agent x", "parcel came late")
        # Whoever reads the log must not get the money.
        assert coupon.code not in json.dumps(event.after)


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"amount_minor": 0}, ServiceError), ({"amount_minor": -5}, ServiceError), ({"reason": " "}, ServiceError)],
)  # fmt: skip
def test_a_coupon_that_cannot_be_is_refused(shop, changes, error):
    with pytest.raises(error):
        give(shop, **changes)
    assert codes(shop, "coupon") == []


def test_the_same_occasion_gives_one_coupon_and_another_gives_another(shop):
    assert give(shop, idempotency_key="a").code == give(shop, idempotency_key="a").code
    give(shop, idempotency_key="b")
    assert len(codes(shop, "coupon")) == 2


def test_credit_and_coupons_of_an_order_are_listed(shop):
    view = accepted(shop, free(1), settlement="store_credit")
    refunds.start(shop, view.rma_number, actor="agent x", now=NOW)
    Desk(shop, None).run()
    give(shop)
    with shop.read() as session:
        assert [each.kind for each in store_credits.of_order(session, "LL-2")] == [
            "credit",
            "coupon",
        ]
        assert store_credits.of_order(session, "LL-1") == []
        assert len(store_credits.list_all(session)) == 2
        with pytest.raises(NotFound):
            store_credits.of_order(session, "LL-9")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The command, on a database of its own."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    monkeypatch.setenv("DATABASE_URL", url)
    database = Database(url)
    migrate.upgrade(database)
    sample_shop.seed(database, now=NOW)
    database.dispose()
    runner = CliRunner()
    return lambda *arguments: runner.invoke(command.app, arguments)


def test_the_checkout_reads_codes_as_json(run):
    given = run("give", "LL-10226", "12.50", "--reason", "a present", "--json")
    assert given.exit_code == 0, given.output
    coupon = json.loads(given.output)
    assert (coupon["amount_minor"], coupon["kind"]) == (1250, "coupon")
    listed = json.loads(run("list", "--order", "LL-10226", "--json").output)
    assert [entry["code"] for entry in listed] == [coupon["code"]]
    assert coupon["code"] in run("list").output
    for wrong in ("12.505", "abc"):
        refused = run("give", "LL-10226", wrong, "--reason", "x")
        assert refused.exit_code != 0
        assert "amount cannot be used" in str(refused.exception)
    assert "no order" in str(run("give", "LL-0", "1", "--reason", "x").exception)
