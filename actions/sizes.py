"""Which size to take: the chart of the product that is meant, without any proof of identity."""

from __future__ import annotations

from typing import Any

from actions.turn import Button, DeskAction, Turn, database, handover_button, offer
from returnsdesk.services import policies
from returnsdesk.services.size_charts import (
    SizeChart,
    charts_named,
    charts_shown,
    products_with_chart,
)

MOST_CHARTS = 2
MOST_CHOICES = 6


class ActionSizesAdvice(DeskAction):
    """Which size should I take?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_sizes_advice"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """The chart and what happens if it does not fit; otherwise the products that have one."""
        text = turn.text
        if turn.choice is not None and turn.choice.startswith("chart:"):
            text = turn.choice.partition(":")[2]
        with database().read() as session:
            found = charts_named(session, text, turn.language) or charts_shown(
                session, text, turn.page, turn.language
            )
            names = products_with_chart(session, turn.language, MOST_CHOICES)
        if not found and not names:
            turn.say("handover_offer", buttons=[handover_button(turn)])
            return [offer("action_handover_person")]
        if not found or len(found) > MOST_CHARTS:
            named = [each.product for each in found] or names
            buttons = [
                Button(name, f"chart:{name}", "sizes_advice") for name in named[:MOST_CHOICES]
            ]
            turn.say("sizes_which_product", buttons=[*buttons, handover_button(turn)])
            return []
        for chart in found:
            turn.say_text(_text(turn, chart))
        turn.say("sizes_if_it_does_not_fit", days=policies.active_policy().window.exchange_days)
        return []


def _text(turn: Turn, chart: SizeChart) -> str:
    head = turn.label("sizes_chart_head", product=chart.product)
    rows = [
        f"{size}: " + ", ".join(f"{label} {value}" for label, value in measures)
        for size, measures in chart.rows
    ]
    unit = [turn.label("sizes_unit", unit=chart.unit)] if chart.unit else []
    return "\n".join([head, *rows, *unit, *([chart.note] if chart.note else [])])
