"""Jobs about identity: one-time codes by mail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from returnsdesk.clients.mail import Mail
from returnsdesk.jobs.context import JobContext
from returnsdesk.services import identity, notices
from returnsdesk.services.outbox import Handler
from returnsdesk.texts import render


def handlers(context: JobContext) -> dict[str, Handler]:
    """Sends a code as long as it may still be used."""

    def send_code(payload: dict[str, Any], key: str, now: datetime) -> None:
        with context.database.read() as session:
            notice = notices.code_notice(session, int(key.rpartition("-")[2]), now)
        if notice is None:
            return
        facts = {
            "code": payload["code"],
            "shop": context.settings.shop_name,
            "minutes": notice.minutes,
        }
        mail = Mail(
            key=key,
            to=payload["email"],
            subject=render("mail_code_subject", notice.language, **facts),
            text=render("mail_code_body", notice.language, **facts),
            language=notice.language,
        )
        context.mailer.send(mail, now=now)

    return {identity.SEND_CODE: send_code}
