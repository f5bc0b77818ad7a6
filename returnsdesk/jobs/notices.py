"""Jobs about notices: each is read from the record, put into words and handed to the sender of its channel."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from returnsdesk.clients.mail import MailRefused
from returnsdesk.clients.sms import (
    ONE_MESSAGE,
    SmsClient,
    SmsNotSent,
    SmsRefused,
    in_gsm_alphabet,
    places,
    sms_client_for,
)
from returnsdesk.jobs.context import JobContext
from returnsdesk.jobs.notice_mail import mail_of
from returnsdesk.jobs.notice_words import Words, words_of
from returnsdesk.services import notice_delivery, notices, outbox
from returnsdesk.services.chats import TELEGRAM
from returnsdesk.services.notice_delivery import NoticeToSend
from returnsdesk.services.outbox import Handler

logger = logging.getLogger(__name__)

Sender = Callable[[NoticeToSend, Words, datetime], None]
"""Hands a notice to its channel and marks it; the notice's key makes a repeated handing over known as such.

Raises whatever the channel raises: the outbox tries again.
"""


def handlers(context: JobContext) -> dict[str, Handler]:
    """Sends notices that are still true; the others are dropped."""
    senders = senders_for(context, sms_client_for(context.settings))

    def send_notice(payload: dict[str, Any], key: str, now: datetime) -> None:
        del key
        with context.database.read() as session:
            notice = notice_delivery.to_send(
                session,
                int(payload["notification_id"]),
                default_language=context.settings.default_language,
                now=now,
            )
        if notice is None:
            return
        sender = senders.get(notice.channel)
        if notice.facts is None or sender is None:
            reason = "came too late" if sender else "has no sender"
            logger.info("notice %s (%s, %s) %s", notice.id, notice.event, notice.channel, reason)
            notice_delivery.drop(context.database, notice.id, now=now)
            return
        sender(notice, words_of(notice, notice.facts, context.settings, now), now)

    return {notices.SEND_NOTICE: send_notice}


def senders_for(context: JobContext, sms: SmsClient) -> Mapping[str, Sender]:
    """The sender of each channel; a further channel is one entry more, and its name in `notices.CHANNELS`."""
    database, settings = context.database, context.settings

    def by_mail(notice: NoticeToSend, words: Words, now: datetime) -> None:
        mail = mail_of(words, settings, key=notice.key, to=notice.recipient)
        try:
            context.mailer.send(mail, now=now)
        except MailRefused as refusal:
            # The law wants a withdrawal acknowledged: somebody has to find another way.
            is_urgent = notice.document == "withdrawal"
            raise outbox.GiveUp(str(refusal), is_urgent=is_urgent) from refusal
        notice_delivery.mark_sent(database, notice.id, now=now)

    def by_sms(notice: NoticeToSend, words: Words, now: datetime) -> None:
        try:
            sms.send(notice.key, notice.recipient, short_text(words, settings.shop_name))
        except SmsRefused as refusal:
            logger.warning("notice %s is dropped: %s", notice.id, refusal)
            notice_delivery.drop(database, notice.id, now=now)
            return
        except SmsNotSent as failure:
            if failure.wait_seconds:
                raise outbox.RetryLater(failure.wait_seconds, str(failure)) from failure
            raise
        notice_delivery.mark_sent(database, notice.id, now=now)

    def into_chat(notice: NoticeToSend, words: Words, now: datetime) -> None:
        if not notice_delivery.put_in_chat(
            database, notice, chat_text(words), chat_card(words), now=now
        ):
            logger.info("notice %s is dropped: nobody is to read it in the chat", notice.id)

    # The desk sends a chat of Telegram what stands in its conversation.
    into = {notices.WEB: into_chat, TELEGRAM: into_chat}
    return {notices.EMAIL: by_mail, notices.SMS: by_sms, **into}


def short_text(words: Words, shop_name: str) -> str:
    """The notice as one text message: what has happened, and the link that tells the rest.

    The shop's name is left out where it would make a second message of it.
    """
    link = f" {words.links[-1].url}" if words.links else ""
    text = f"{in_gsm_alphabet(words.headline)}.{link}"
    named = f"{in_gsm_alphabet(shop_name)}: {text}"
    return named if places(named) <= ONE_MESSAGE else text


def chat_text(words: Words) -> str:
    """The notice as a message in the chat."""
    parts = [f"{words.headline}.", *words.paragraphs]
    if words.quote:
        parts.append(f"{words.quote_heading}: “{words.quote}”")
    parts += [
        "\n".join([f"{section.heading}:", *(f"• {line}" for line in section.lines)])
        for section in words.sections
        if section.is_for_chat
    ]
    return "\n\n".join(parts)


def chat_card(words: Words) -> dict[str, Any]:
    """The links of the notice as a card (docs/widget.md); nothing where there are none."""
    if not words.links:
        return {}
    shown = [{"label": link.label, "url": link.url} for link in words.links]
    return {"card": "status", "title": words.number, "links": shown}
