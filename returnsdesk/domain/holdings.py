"""Which units of a line are taken by other documents, and how many are left."""

from __future__ import annotations

from typing import Final

from returnsdesk.domain import states
from returnsdesk.domain.findings import BLOCK, INFO, Finding, LineFacts

# Documents in these states hold their units for ever, or none; in any other they are still being decided.
_ENDED: Final = states.RETURN_ENDED | {states.CLAIM_RESOLVED, states.CLAIM_DENIED}


def holding_findings(line: LineFacts, *, total: int, free: int, wanted: int) -> list[Finding]:
    """What other documents leave of `total` units for a wish of `wanted`, of which `free` are in no document.

    With nothing left, `ALREADY_RETURNED` names the return that has them (fact `rma_number`) and `CLAIM_IN_PROGRESS` a
    claim (facts `document` and `state`). `CLAIM_IN_PROGRESS` is information only where units are left beside those
    of an open document.
    """
    if total == 0:
        return []
    if free == 0:
        return [_taken(line)]
    found: list[Finding] = []
    if wanted > free:
        facts = {"available": free, "delivered": total, "rma_number": line.blocking_rma}
        found.append(Finding("QTY_EXCEEDS", BLOCK, facts))
    if line.claimed and _is_open(line):
        found.append(Finding("CLAIM_IN_PROGRESS", INFO, _holder(line)))
    return found


def _taken(line: LineFacts) -> Finding:
    if line.blocking_rma is None and line.blocking_document is not None:
        return Finding("CLAIM_IN_PROGRESS", BLOCK, _holder(line))
    return Finding("ALREADY_RETURNED", BLOCK, {"rma_number": line.blocking_rma, **_holder(line)})


def _holder(line: LineFacts) -> dict[str, str | None]:
    return {"document": line.blocking_document or line.blocking_rma, "state": line.blocking_state}


def _is_open(line: LineFacts) -> bool:
    return line.blocking_document is not None and line.blocking_state not in _ENDED
