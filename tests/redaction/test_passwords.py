"""Tests of passwords: what is replaced, and what is not."""

from __future__ import annotations

import pytest

from itsm_app.redaction import passwords

from ..support.exhaustive import one_per_path

# `{}` stands for the redacted password.
CAUGHT = [
    ("My password is hunter2.", "My password is {}."),
    ("my password is sunshine and I cannot log in", "my password is {} and I cannot log in"),
    ("Password: Sommer2024!", "Password: {}"),
    ("password:hunter2", "password:{}"),
    ("Password:\nhunter2", "Password:\n{}"),
    ("pwd=abc123;", "pwd={};"),
    ("db_pwd=x", "db_pwd={}"),
    ("PASSWORD = expired", "PASSWORD = {}"),
    ("pw -> hunter2", "pw -> {}"),
    ("user bob password hunter2", "user bob password {}"),
    ("password 123456", "password {}"),
    ("The password is: hunter2", "The password is: {}"),
    ("the password's hunter2", "the password's {}"),
    ("the password is now hunter2, thanks", "the password is now {}, thanks"),
    ("my password was monkey", "my password was {}"),
    ("the new password will be monkey", "the new password will be {}"),
    ("the password for my work laptop is Foo?", "the password for my work laptop is {}?"),
    ("password to the VPN: secret1", "password to the VPN: {}"),
    ("I changed my password to Winter24!", "I changed my password to {}"),
    ('my password is "correct horse, battery" ok', 'my password is "{}" ok'),
    ("my password is 'two words'", "my password is '{}'"),
    ("my password is “two words”", "my password is “{}”"),
    ('{"user": "bob", "password": "a b"}', '{"user": "bob", "password": "{}"}'),
    ("my passcode is `a b`", "my passcode is `{}`"),
    ('password "hunter2"', 'password "{}"'),
    ("passphrase: banana", "passphrase: {}"),
    ("pass code is 99a", "pass code is {}"),
    ("passwd: root", "passwd: {}"),
    ("the pin is 4711 and", "the pin is {} and"),
    ("my PIN code is 4711", "my PIN code is {}"),
    ("my PIN code is 47 11", "my PIN code is {}"),
    ("my pin is four seven one one please", "my pin is {} please"),
    ("PIN: 1 2 3 4", "PIN: {}"),
    ("my pin is double four one two", "my pin is {}"),
    ("PIN 4711", "PIN {}"),
    ("my password is capital h unter two and I wait", "my password is {} and I wait"),
    ("my password is h u n t e r 2", "my password is {}"),
    ("my password is h, u, n, t, a", "my password is {}"),
    ("my password is a b c one", "my password is {}"),
    ("my password is hunter dash two", "my password is {}"),
    ("my password is hunter2 I think", "my password is {} I think"),
    ("my password is p q i r. Four users wait", "my password is {}. Four users wait"),
    ("password: password: x", "password: password: {}"),
    ("my password is hunter2 and my pin is 4711", "my password is {} and my pin is {}"),
    ("Mein Passwort ist Sonnenschein", "Mein Passwort ist {}"),
    ("mein Passwort lautet geheim12, danke", "mein Passwort lautet {}, danke"),
    ("Das Passwort für das WLAN heißt Sonne", "Das Passwort für das WLAN heißt {}"),
    ("WLAN-Passwort: Fritz", "WLAN-Passwort: {}"),
    ("Benutzerkennwort ist Katze", "Benutzerkennwort ist {}"),
    ("Kennwort: „zwei Worte“", "Kennwort: „{}“"),
    ("das Kennwort ist jetzt Katze!", "das Kennwort ist jetzt {}"),
    ("Meine PIN ist vier sieben eins eins", "Meine PIN ist {}"),
    ("Geheimzahl lautet 0815", "Geheimzahl lautet {}"),
    ("Passwort auf Winter24 geändert", "Passwort auf {} geändert"),
    ("mein Passwort ist groß h klein u n t", "mein Passwort ist {}"),
    ("Zugangscode: 77", "Zugangscode: {}"),
    ("my password is [card]x", "my password is {}"),
    ("my password is x [password]", "my password is {} [password]"),
]
NOT_CAUGHT = [
    "",
    "My printer is on fire",
    "my password is expired",
    "My password is wrong.",
    "my password is not working",
    "my password isn't working",
    "my password is still rejected",
    "my password is: expired",
    "Password: not set",
    "the password is in the mail",
    "the password is the same",
    "the password was changed yesterday",
    "my password is too short",
    "my password is about to expire",
    "my password is never accepted",
    "is my password a problem?",
    "what is my password?",
    "I forgot my password",
    "reset the password please",
    "please reset my password to something new",
    "password reset 2024",
    "password 2024",
    "password 12:30pm",
    "password to",
    "the password",
    "password is",
    "password:",
    "password: ",
    "Password:\nUser: bob",
    "password .",
    "the password manager is slow",
    "the password policy is strict",
    "the password field is grey",
    'the password "reset" button',
    "password protected file",
    "a passwordless login: nice",
    "passwordx: y",
    "my pin is bent",
    "the pin is 2 millimetres long",
    "the pin is one of two",
    "pin number is wrong",
    "PIN 12",
    "spinning: 1234",
    "pinned: 4711",
    "PIN is",
    "[password]: x",
    "my password is [password]",
    "my password is [password].",
    'my password is "[password]"',
    "my password is [card]",
    "Passwort ist abgelaufen",
    "mein Passwort ist falsch",
    "Mein Kennwort ist nicht gültig",
    "mein Passwort geht nicht",
    "Passwort vergessen",
    "mein Passwort ist seit gestern gesperrt",
    "Kennwort „zwei Worte“",
    "Kennwort wird nicht akzeptiert",
    "das Passwort ist jetzt ungültig",
    "meine PIN ist abgelaufen",
    "PIN 2 mal falsch",
    "Passwort-Manager ist langsam",
    "hunter2 is my password",
    "I changed my password to sunshine",
]


@pytest.mark.parametrize(("text", "expected"), one_per_path(CAUGHT, lambda case: case == CAUGHT[1]))
def test_passwords_are_replaced(text: str, expected: str) -> None:
    redacted = passwords.replace(text)
    assert redacted == expected.replace("{}", "[password]")
    assert passwords.replace(redacted) == redacted


@pytest.mark.parametrize("text", one_per_path(NOT_CAUGHT, lambda case: case == NOT_CAUGHT[1]))
def test_other_sentences_stay(text: str) -> None:
    assert passwords.replace(text) == text


def test_every_path_through_texts_with_phrases() -> None:
    """Run all texts at once, which is fast. The exhaustive tests name the text that fails."""
    for text in NOT_CAUGHT:
        assert passwords.replace(text) == text
    for text, expected in CAUGHT:
        assert passwords.replace(text) == expected.replace("{}", "[password]")


HOSTILE = [
    "pw:",
    "pin:",
    "pw ",
    "password for a a a ",
    "password is ",
    "password is a a a ",
    "pin is 1 ",
    'password "',
    "password",
    "password for aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    " ",
]


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", HOSTILE)
def test_long_hostile_texts_are_processed(part: str) -> None:
    for text in ((part * 100_000)[:100_000], "password is " + part * 1000):
        assert len(passwords.replace(text)) <= len(text) * 4
