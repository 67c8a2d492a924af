from __future__ import annotations

import logging
from pathlib import Path

import pytest

from manifest_uploader.commands import logs
from manifest_uploader.errors import UsageError


def test_a_log_is_written_only_while_a_command_runs(tmp_path: Path) -> None:
    log = logging.getLogger("manifest_uploader.x")
    with logs.logging_to(str(tmp_path / "log")):
        log.debug("inside")
    log.debug("outside")

    text = (tmp_path / "log").read_text()
    assert "inside" in text
    assert "outside" not in text


@pytest.mark.parametrize("name", ["log", None])
def test_logging_is_left_as_it_was(name: str | None, tmp_path: Path) -> None:
    log = logging.getLogger("manifest_uploader")
    log.setLevel(logging.INFO)
    try:
        with logs.logging_to(name and str(tmp_path / name)):
            assert not log.propagate
            assert log.isEnabledFor(logging.DEBUG) == (name is not None)

        assert (log.level, log.propagate, log.handlers) == (logging.INFO, True, [])
    finally:
        log.setLevel(logging.NOTSET)


def test_a_log_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"), logs.logging_to(str(tmp_path)):
        raise AssertionError


def test_a_message_stays_on_its_line(tmp_path: Path) -> None:
    with logs.logging_to(str(tmp_path / "log")):
        logging.getLogger("manifest_uploader.x").debug("a case named %s", "a\nb\x1b")

    [line] = (tmp_path / "log").read_text().splitlines()
    assert line.endswith("a case named a\\x0ab\\x1b")
