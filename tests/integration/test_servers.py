"""The servers that other tests rely on: each really answers, is private, and starts every test empty."""

from __future__ import annotations

import smtplib
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import psycopg2
import pytest
from playwright.async_api import Browser, Page
from redis import Redis
from sqlalchemy import create_engine, inspect, text

from returnsdesk.settings import load_settings
from tests.servers.postgres import PostgresServer
from tests.servers.programs import CHROMIUM, Program
from tests.servers.smtp import SmtpServer


@pytest.mark.parametrize("visit", [1, 2])
def test_each_test_gets_an_empty_postgresql_database(postgres_url: str, visit: int) -> None:
    with closing(psycopg2.connect(postgres_url)) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE orders (number text)")
        cursor.execute("INSERT INTO orders VALUES ('LL-10001')")
        cursor.execute("SELECT count(*) FROM orders")
        assert cursor.fetchone() == (1,)
        connection.commit()


def test_postgresql_knows_the_case_of_letters_beyond_ascii(postgres_url: str) -> None:
    with closing(psycopg2.connect(postgres_url)) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT lower('ŁÓDŹ TROMSØ')")
        assert cursor.fetchone() == ("łódź tromsø",)


def test_a_postgresql_database_is_dropped_although_a_connection_was_left_open(
    postgres_server: PostgresServer,
) -> None:
    name = postgres_server.create_database()
    with closing(psycopg2.connect(postgres_server.url(name))):
        postgres_server.drop_database(name)

    with pytest.raises(psycopg2.OperationalError, match="does not exist"):
        psycopg2.connect(postgres_server.url(name))


def test_a_prepared_postgresql_database_can_be_copied(postgres_server: PostgresServer) -> None:
    prepared = postgres_server.create_database()
    with closing(psycopg2.connect(postgres_server.url(prepared))) as connection:
        connection.cursor().execute("CREATE TABLE orders (number text)")
        connection.commit()

    copy = postgres_server.create_database(template=prepared)

    with closing(psycopg2.connect(postgres_server.url(copy))) as connection:
        connection.cursor().execute("SELECT number FROM orders")
    for name in (copy, prepared):
        postgres_server.drop_database(name)


def test_a_rule_for_both_databases_meets_each_empty(database_url: str) -> None:
    engine = create_engine(database_url, future=True)
    assert inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (number varchar(20))"))
    assert inspect(engine).get_table_names() == ["orders"]
    engine.dispose()


@pytest.mark.parametrize("visit", [1, 2])
def test_each_test_gets_an_empty_redis(redis_url: str, visit: int) -> None:
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert redis.dbsize() == 0
        assert redis.set("lock", "token", nx=True)
        assert redis.set("lock", "other token", nx=True) is None
        assert redis.get("lock") == "token"


def _mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "returns@lundlinde.example"
    mail["To"] = "kari@example.no"
    mail["Subject"] = "Returen din er på vei"
    mail.set_content("Vi har sendt deg etiketten. Blåbærsyltetøy!")
    return mail


def test_the_mail_server_keeps_what_it_is_sent(smtp_server: SmtpServer) -> None:
    with smtplib.SMTP(smtp_server.host, smtp_server.port) as client:
        client.login("desk", "a password")
        client.send_message(_mail())

    (delivered,) = smtp_server.wait_for_mails(1)
    assert delivered.sender == "returns@lundlinde.example"
    assert delivered.recipients == ("kari@example.no",)
    assert delivered.message["Subject"] == "Returen din er på vei"
    assert "Blåbærsyltetøy" in delivered.message.get_content()
    assert smtp_server.logins == [("desk", "a password")]


def test_the_mail_server_can_be_told_to_refuse(smtp_server: SmtpServer) -> None:
    smtp_server.answer = "451 Try again later"

    with (
        smtplib.SMTP(smtp_server.host, smtp_server.port) as client,
        pytest.raises(smtplib.SMTPDataError) as refusal,
    ):
        client.send_message(_mail())

    assert refusal.value.smtp_code == 451
    assert smtp_server.mails == []


async def test_the_browser_shows_a_page_and_runs_its_scripts(page: Page) -> None:
    await page.set_content(
        """<button onclick="this.textContent = 'Returned'">Return</button>""",
    )
    await page.get_by_role("button", name="Return").click()
    assert await page.get_by_role("button").inner_text() == "Returned"


@pytest.mark.parametrize("visit", [1, 2])
async def test_each_test_gets_a_new_visitor(page: Page, visit: int) -> None:
    # A page from nowhere may keep nothing; any page with an address may.
    await page.route("http://shop.test/", lambda route: route.fulfill(body="<p>Shop</p>"))
    await page.goto("http://shop.test/")
    assert await page.evaluate("localStorage.getItem('conversation')") is None
    await page.evaluate("localStorage.setItem('conversation', 'kept')")


async def test_a_visitor_may_have_another_language(browser: Browser) -> None:
    context = await browser.new_context(locale="pl-PL")
    page = await context.new_page()
    assert await page.evaluate("navigator.language") == "pl-PL"
    await context.close()


def test_a_program_that_is_missing_fails_the_test_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEST_CHROMIUM", "/nowhere/chromium")
    with pytest.raises(
        pytest.fail.Exception, match=r"^Chromium was not found on this machine: .*\.$"
    ):
        CHROMIUM.require()


def test_a_program_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    stub = tmp_path / "database"
    stub.write_text("#!/bin/sh\nexit 1\n")
    stub.chmod(0o755)
    real = tmp_path / "1" / "database"
    real.parent.mkdir()
    real.write_text("#!/bin/sh\necho version 1\n")
    real.chmod(0o755)
    program = Program("Database", "TEST_DATABASE", (), (str(stub), str(real)), "database")
    assert program.find() == real


def test_a_newer_program_comes_before_an_older_one(tmp_path: Path) -> None:
    for version in ("9", "15", "16"):
        folder = tmp_path / version
        folder.mkdir()
        (folder / "database").write_text("#!/bin/sh\necho found\n")
        (folder / "database").chmod(0o755)
    program = Program("Database", "TEST_DATABASE", (), (f"{tmp_path}/*/database",), "database")
    assert program.find() == tmp_path / "16" / "database"


def test_tests_do_not_touch_a_developers_state(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = load_settings()
    assert settings.var_dir.is_relative_to(tmp_path_factory.getbasetemp())
    assert str(tmp_path_factory.getbasetemp()) in settings.resolved_database_url
