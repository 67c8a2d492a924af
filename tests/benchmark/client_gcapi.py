"""The official client in a loop: `client_gcapi.py THREADS FOLDER`, a JSON case a line there."""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gcapi import Client, SocketValueSpec

threads, folder = int(sys.argv[1]), Path(sys.argv[2])
cases = [json.loads(line) for line in (folder / "cases.jsonl").read_text().splitlines()]


def spec(slug: str, value: object) -> SocketValueSpec:
    if isinstance(value, list):
        return SocketValueSpec(socket_slug=slug, files=[folder / path for path in value])
    if isinstance(value, str):
        return SocketValueSpec(socket_slug=slug, file=folder / value)
    return SocketValueSpec(socket_slug=slug, value=value)


def send(part: list[dict]) -> None:
    client = Client(
        token=os.environ["GRAND_CHALLENGE_AUTHORIZATION"],
        base_url=os.environ["GRAND_CHALLENGE_API_URL"],
    )
    for case in part:
        values = [spec(slug, value) for slug, value in case["values"].items()]
        client.add_case_to_reader_study(
            reader_study_slug="benchmark", title=case["title"], values=values
        )


with ThreadPoolExecutor(threads) as pool:
    list(pool.map(send, [cases[number::threads] for number in range(threads)]))
