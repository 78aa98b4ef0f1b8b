"""Secrets from a folder and from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgworker.activities.secrets import StoredSecrets
from pgworker.errors import Fault


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "outside").write_text("not yours")
    return tmp_path / "folder"


async def test_a_json_object_is_an_object_and_all_else_is_text(folder):
    for name, text in {
        "o": ' {"a": [1]}\n',
        "t": "token\n",
        "n": "123456\n",
        "l": '["a"]',
        "w": " w \r\n",
    }.items():
        (folder / name).write_text(text, newline="")
    secrets = StoredSecrets(folder, {})
    assert await secrets.secret("o") == {"a": [1]}
    assert await secrets.secret("t") == "token"
    assert await secrets.secret("n") == "123456"
    assert await secrets.secret("l") == '["a"]'
    assert await secrets.secret("w") == " w "


async def test_the_environment_knows_the_name_as_it_is_and_in_capitals(folder):
    secrets = StoredSecrets(folder, {"PGWORKER_SECRET_api-key": "a", "PGWORKER_SECRET_MY_TOKEN_2": "b"})
    assert await secrets.secret("api-key") == "a"
    assert await secrets.secret("my-token.2") == "b"


async def test_the_folder_counts_before_the_environment_and_is_read_anew(folder):
    secrets = StoredSecrets(folder, {"PGWORKER_SECRET_A": "old"})
    assert await secrets.secret("a") == "old"
    (folder / "a").write_text("new")
    assert await secrets.secret("a") == "new"


@pytest.mark.parametrize(
    "name", ["", "a", "../outside", "..", ".", "/etc/hostname", "a/b", "a\0b", "x" * 5000, "é"]
)
async def test_what_is_not_there_cannot_be_had(folder, name):
    (folder / "b").mkdir()
    with pytest.raises(Fault) as caught:
        await StoredSecrets(folder, {"PGWORKER_SECRET_": "empty"}).secret(name)
    assert (caught.value.kind, caught.value.status) == ("authorization", 403)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 70_000])
async def test_what_is_no_text_or_too_large_cannot_be_had(folder, content):
    (folder / "a").write_bytes(content)
    with pytest.raises(Fault) as caught:
        await StoredSecrets(folder, {}).secret("a")
    assert caught.value.kind == "authorization"


async def test_a_broken_object_is_refused_without_being_quoted(folder):
    (folder / "a").write_text('{"password": "hunter2"')
    with pytest.raises(Fault) as caught:
        await StoredSecrets(folder, {}).secret("a")
    assert "not valid JSON" in caught.value.detail
    assert "hunter2" not in caught.value.detail
