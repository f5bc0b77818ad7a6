"""`returnsdesk policy`: the returns policy file, its versions, and why it says what it says of an item."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from returnsdesk.cli.console import AsJson, moment, money, out, table, write_json
from returnsdesk.cli.finding_texts import day_text, meaning
from returnsdesk.cli.session import now, open_database
from returnsdesk.domain import windows
from returnsdesk.domain.findings import Finding
from returnsdesk.domain.policy import Outcome, Settlement
from returnsdesk.domain.policy_schema import schema_text
from returnsdesk.domain.reasons import REASONS
from returnsdesk.domain.return_windows import Period
from returnsdesk.services import policies, policy_explanations
from returnsdesk.services.policy_explanations import Explanation, Question

app = typer.Typer(no_args_is_help=True, add_completion=False)

_MOMENTS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%z"]
_STYLES = {"block": "red", "review": "yellow", "fee": "magenta", "info": "default"}
_SHORT = 12


@app.callback()
def policy_commands() -> None:
    """Check the returns policy, and ask why it says what it says."""


@app.command("check")
def check(
    file: Annotated[Path | None, typer.Argument(help="Another file than policy.yml.")] = None,
) -> None:
    """Say whether the policy can be used, or which key is wrong."""
    policies.read_policy_file(file)
    out.print(f"[green]{escape((file or policies.POLICY_FILE).name)} can be used.[/]")


@app.command("schema")
def schema() -> None:
    """Write the JSON schema of policy.yml, which editors check it with."""
    typer.echo(schema_text(), nl=False)


@app.command("versions")
def versions(as_json: AsJson = False) -> None:
    """List the kept versions, latest first, with the number of orders that were bought under each."""
    with open_database() as database, database.read() as session:
        kept = policies.versions(session)
    if as_json:
        write_json([asdict(version) for version in kept])
        return
    listed = table(
        "Versions of the policy", "version", "since (UTC)", "orders", "", numbers=("orders",)
    )
    for version in kept:
        mark = "[green]as policy.yml is now[/]" if version.is_current else ""
        since = moment(version.valid_from)
        listed.add_row(version.digest[:_SHORT], since, str(version.orders), mark)
    out.print(listed)


def _known_reason(value: str) -> str:
    if value not in REASONS:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(REASONS)}.")
    return value


@app.command("explain")
def explain(
    order: Annotated[str, typer.Argument(help="Order number, with or without #.")],
    item: Annotated[str, typer.Argument(help="The item's line id or SKU.")],
    outcome: Annotated[Outcome, typer.Option(help="What the shopper would get.")] = "refund",
    reason: Annotated[
        str, typer.Option(callback=_known_reason, help=f"One of {', '.join(REASONS)}.")
    ] = "other",
    settlement: Annotated[
        Settlement | None, typer.Option(help="How it would be paid back.")
    ] = None,
    quantity: Annotated[int, typer.Option(min=1, help="How many units.")] = 1,
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=_MOMENTS, help="As of then, where the shopper lives; now if left out."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether an item can come back and why: every finding, the days, the fee. Nothing is changed."""
    question = Question(order, item, outcome, reason, settlement, quantity, at)
    with open_database() as database, database.read() as session:
        answer = policy_explanations.explain(session, question, now=now())
    if as_json:
        write_json(_as_data(answer))
    else:
        _show(answer)


def _as_data(answer: Explanation) -> dict[str, Any]:
    return {
        **asdict(answer),
        "is_allowed": answer.is_allowed,
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "facts": dict(finding.facts),
                "meaning": meaning(finding, answer.currency),
            }
            for finding in answer.findings
        ],
    }


def _show(answer: Explanation) -> None:
    local = answer.at.astimezone(windows.zone_of(answer.country))
    head = f"{answer.name} ({answer.line_external_id}) of order {answer.order_number}"
    asked = f"asked on {local:%Y-%m-%d at %H:%M} in {answer.country}"
    out.print(f"[bold]{escape(head)}[/], {asked}", soft_wrap=True)
    out.print(_verdict(answer))
    for finding in answer.findings:
        out.print(_finding_text(finding, answer.currency), soft_wrap=True)
    out.print(_period_text(answer.period), soft_wrap=True)
    if answer.is_allowed:
        out.print(f"Fee: {money(answer.fee_minor, answer.currency)}")
    out.print(_version_text(answer), soft_wrap=True)


def _verdict(answer: Explanation) -> str:
    if not answer.is_allowed:
        return "[red]It cannot come back this way.[/]"
    if any(finding.severity == "review" for finding in answer.findings):
        return "[yellow]It can come back once a colleague has looked.[/]"
    return "[green]It can come back.[/]"


def _finding_text(finding: Finding, currency: str) -> str:
    text = escape(meaning(finding, currency))
    return f"  [{_STYLES[finding.severity]}]{finding.severity:<6}[/] {finding.code}: {text}"


def _period_text(period: Period | None) -> str:
    if period is None:
        return "Last day: open, as not everything of the order has left."
    parts = [f"{period.policy_days} days ({_source_text(period)})"]
    if period.law_days > period.policy_days:
        parts = [f"{period.law_days} days by law instead of {period.policy_days}"]
    parts += [
        f"{days} for {what}"
        for days, what in ((period.tier_days, "the tier"), (period.tenure_days, "the years"))
        if days
    ]
    text = f"Last day: {day_text(period.last_day)} = {day_text(period.start_day)} + {' + '.join(parts)}"
    if period.moved_from is not None:
        text += f", moved from {day_text(period.moved_from)}, which is no working day"
    elif period.season_day == period.last_day:
        text += ", or the season's common day, which is later"
    return text


def _source_text(period: Period) -> str:
    return {
        "general": "the policy",
        "category": "the category's own",
        "product": "the product's own",
    }[period.source]


def _version_text(answer: Explanation) -> str:
    market = f", with what differs in {answer.market}" if answer.market else ""
    if answer.version_digest is None:
        return f"Policy: the file as it stands now, as the order came without a version{market}."
    since = moment(answer.version_since)
    return f"Policy: version {answer.version_digest[:_SHORT]}, kept since {since} UTC{market}."
