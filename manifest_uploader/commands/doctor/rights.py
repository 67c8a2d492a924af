"""Checks the token, and what its account may do."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from manifest_uploader.commands.doctor.connection import connect
from manifest_uploader.commands.doctor.findings import Finding, failed, note, ok, skipped, wrong
from manifest_uploader.commands.options import root_of, token, token_place
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.reading import read_manifest
from manifest_uploader.engine.target import check_rights, find_target
from manifest_uploader.errors import PlatformRefused, TokenRefused, UploaderError
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.manifest.problems import ManifestInvalid
from manifest_uploader.output.formatting import counted
from manifest_uploader.plan.inputs import Choices
from manifest_uploader.platform.account import own_account
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.endpoints import count_rows
from manifest_uploader.platform.targets import type_of

_SLOTS: Final = Choices().upload_limit
"""Upload rows that the platform lets an account hold."""


def check_account(given: argparse.Namespace, url: str, *, reached: bool) -> Iterator[Finding]:
    """Whether there is a token that the platform accepts, and what its account may do.

    `reached`: the platform answers.
    """
    try:
        found = token(given)
    except UploaderError as error:
        yield failed("token", error)
        return
    if not reached:
        yield skipped("token", f"it is from {token_place(given)}; the platform was not reached")
        return
    client = connect(url, found)
    try:
        yield from _account(client, token_place(given))
        if given.manifest is not None:
            yield from _target(given, client)
    except TokenRefused as error:
        yield wrong("token", f"the platform refuses the one from {token_place(given)}", error.hint)
    except UploaderError as error:
        yield failed("account", error)
    finally:
        client.close()


def _account(client: Client, place: str) -> Iterator[Finding]:
    try:
        account = own_account(client)
    except PlatformRefused:
        yield ok("token", f"from {place}")
    else:
        yield ok("token", f"from {place}, of the account '{account.username}'")
    rows = count_rows(client)
    words = f"{rows:,} of {_SLOTS:,} in use"
    if rows < _SLOTS:
        yield ok("upload slots", words)
    else:
        remedy = "they become free as imports end, or within a day; runs wait for them"
        yield wrong("upload slots", words, remedy)


def _target(given: argparse.Namespace, client: Client) -> Iterator[Finding]:
    manifest = _manifest(given)
    if isinstance(manifest, Finding):
        yield manifest
        return
    target_type = type_of(manifest.kind)
    try:
        not_now = check_rights(find_target(manifest, client), client)
    except ManifestInvalid as invalid:
        problem = invalid.problems[0]
        yield wrong("rights", problem.message, problem.hint)
    except PlatformRefused as error:
        yield failed("rights", error)
    else:
        words = f"you may {target_type.right} the {target_type.noun} '{manifest.slug}'"
        yield ok("rights", words)
        if not_now is not None:
            yield note(target_type.noun, f"no {target_type.item_noun} can be started now", not_now)


def _manifest(given: argparse.Namespace) -> Manifest | Finding:
    options = Options(given.manifest, Path(), root=root_of(given), follow_links=True)
    try:
        reading = read_manifest(options)
    except ManifestInvalid as invalid:
        problems = invalid.problems
    except UploaderError as error:
        return failed("manifest", error)
    else:
        problems = reading.problems
        if reading.manifest.slug:
            return reading.manifest
    words = f"'{given.manifest}' has {counted(len(problems), 'problem')}"
    return wrong("manifest", words, f"see them with: uploader validate {given.manifest}")
