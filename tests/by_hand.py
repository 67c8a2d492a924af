"""What others do on the platform while nobody runs anything: by requests of their own."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.e2e.helpers import STUDY, Served


def ask(served: Served, method: str, path: str, body: Any = None) -> Any:
    """The JSON that the sandbox answers."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {served.token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{served.url}{path}", data, headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return json.loads(answer.read())


def make_item(served: Served, title: str, **fields: Any) -> str:
    """Make a display set; its pk."""
    body = {"reader_study": STUDY, "title": title, **fields}
    return str(ask(served, "POST", "reader-studies/display-sets/", body)["pk"])


def change_item(served: Served, pk: str, **fields: Any) -> None:
    """Change a display set."""
    ask(served, "PATCH", f"reader-studies/display-sets/{pk}/", fields)


def answer(served: Served, pk: str) -> None:
    """Answer a question about a display set, which then cannot be changed."""
    address = f"{served.url}reader-studies/display-sets/{pk}/"
    studies = ask(served, "GET", f"reader-studies/?slug={STUDY}")["results"]
    question = studies[0]["questions"][0]["api_url"]
    body = {"display_set": address, "question": question, "answer": "x"}
    ask(served, "POST", "reader-studies/answers/", body)
