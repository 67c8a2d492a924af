"""Questions of reader studies and readers' answers to them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.sandbox import Fault, OptionInvalid, Seen, main, start
from manifest_uploader.sandbox.questions import TYPES, parse_question
from tests.sandbox.helpers import Client, options

ANSWERS = "reader-studies/answers/"
QUESTIONS = (
    "rs=Choice:Is there a nodule?|yes|no",
    "rs=Multiple choice:Where?|left|right|both",
    "rs=number: How many?",
)
Start = Callable[..., Client]


@pytest.fixture
def asking(start_sandbox: Start) -> Client:
    """A client of a sandbox whose first reader study has three questions."""
    return start_sandbox(questions=QUESTIONS)


def study(client: Client, slug: str = "rs") -> dict[str, Any]:
    [found] = client.get(f"reader-studies/?slug={slug}").json()["results"]
    return dict(found)


def plant(folder: Path, *arguments: str) -> int:
    return main(["answer", "--dir", str(folder / "memory"), *arguments])


def found(client: Client, **query: Any) -> list[Any]:
    answer = client.get(ANSWERS, params=query)
    assert answer.status_code == 200, answer.text
    return [one["answer"] for one in answer.json()["results"]]


def test_a_study_names_its_questions_and_their_options(asking: Client) -> None:
    questions = study(asking)["questions"]

    assert [one["question_text"] for one in questions] == [
        "Is there a nodule?",
        "Where?",
        "How many?",
    ]
    assert [one["answer_type"] for one in questions] == ["Choice", "Multiple choice", "Number"]
    assert [(o["id"], o["title"]) for o in questions[0]["options"]] == [(1, "yes"), (2, "no")]
    listed = asking.get("reader-studies/questions/", params={"reader_study": study(asking)["pk"]})
    assert listed.json()["results"] == questions
    assert asking.get(questions[0]["api_url"]).json() == questions[0]
    assert asking.get("reader-studies/questions/").json()["count"] == 4
    assert asking.stranger().get("reader-studies/questions/").json()["count"] == 0


def test_a_study_without_questions_has_one_that_stays_the_same(start_sandbox: Start) -> None:
    client = start_sandbox()
    [before] = study(client)["questions"]
    client.running.close()

    [after] = study(start_sandbox())["questions"]

    assert (after["pk"], after["question_text"]) == (before["pk"], "Remarks")


def test_questions_keep_their_keys_between_starts(asking: Client, start_sandbox: Start) -> None:
    before = study(asking)["questions"]
    asking.running.close()

    changed = study(start_sandbox(questions=("rs=Text:Where?",)))["questions"]

    assert [one["pk"] for one in changed] == [one["pk"] for one in before]
    assert [one["answer_type"] for one in changed] == ["Choice", "Text", "Number"]


def test_answers_join_display_sets_and_questions_by_address(client: Client) -> None:
    item = client.create()
    answer = client.answer(item, {"any": ["JSON", None]}).json()

    assert answer["answer"] == {"any": ["JSON", None]}
    assert answer["display_set"] == client.get(item).json()["api_url"]
    assert answer["question"] == study(client)["questions"][0]["api_url"]
    assert (answer["creator"], answer["is_ground_truth"]) == ("sandbox-user", False)
    assert client.get(answer["api_url"]).json() == answer
    assert client.get(ANSWERS).json()["results"] == [answer]


def test_a_question_is_answered_once_by_each_reader(client: Client, tmp_path: Path) -> None:
    item = client.create(title="t")
    assert client.answer(item).status_code == 201

    again = client.answer(item, "again")

    words = "User sandbox-user has already answered this question for this display set."
    assert (again.status_code, again.json()) == (400, {"non_field_errors": [words]})
    assert plant(tmp_path, "--reader", "kim", "t", "ok") == 0
    assert found(client) == ["x", "ok"]


def test_all_errors_of_an_answer_come_at_once(client: Client) -> None:
    item = client.running.url + client.create()
    missing = client.post(ANSWERS, json={})
    wrong = client.post(ANSWERS, json={"question": "q", "display_set": None})
    unknown = f"{client.running.url}reader-studies/questions/00000000-0000-0000-0000-000000000000/"
    nowhere = client.post(ANSWERS, json={"question": unknown, "display_set": item})
    odd = {"question": unknown, "display_set": item, "last_edit_duration": "long"}

    required = ["This field is required."]
    assert missing.json() == {"display_set": required, "question": required}
    assert wrong.json() == {
        "display_set": ["This field may not be null."],
        "question": ["Invalid hyperlink - No URL match."],
    }
    assert nowhere.json() == {"question": ["Invalid hyperlink - Object does not exist."]}
    assert "wrong format" in client.post(ANSWERS, json=odd).json()["last_edit_duration"][0]


def test_others_neither_see_nor_give_answers(client: Client) -> None:
    item = client.create()
    link = client.answer(item).json()["api_url"]
    stranger = client.stranger()
    data = {"display_set": client.running.url + item, "question": study(client)["questions"][0]}

    assert stranger.get(ANSWERS).json()["count"] == 0
    assert stranger.get(link).status_code == 404
    assert stranger.post(ANSWERS, json=data).status_code == 400


@pytest.mark.parametrize(
    ("given", "shown"),
    [("PT12.5S", "00:00:12.500000"), ("PT1H2M", "01:02:00"), ("00:01:02", "00:01:02")],
)
def test_durations_are_told(client: Client, given: str, shown: str) -> None:
    question = study(client)["questions"][0]["api_url"]
    data = {"display_set": client.running.url + client.create(), "question": question}

    answer = client.post(ANSWERS, json={**data, "last_edit_duration": given}).json()

    assert (answer["last_edit_duration"], answer["total_edit_duration"]) == (shown, shown)


def test_some_filters_work_and_others_are_ignored(asking: Client, tmp_path: Path) -> None:
    items = [asking.create(title=title) for title in "ab"]
    other = asking.create(reader_study="rs2", title="c")
    asking.answer(items[0], 1)
    for title, reader in (("a", "kim"), ("b", "kim"), ("b", "lee"), ("c", "lee")):
        assert plant(tmp_path, "--reader", reader, title, f'"{title} {reader}"') == 0

    def pk(path: str) -> str:
        return path.split("/")[-2]

    everything = [1, "a kim", "b kim", "b lee", "c lee"]
    assert found(asking) == everything
    assert found(asking, question__reader_study=study(asking)["pk"]) == everything[:4]
    assert found(asking, display_set=pk(items[1])) == everything[2:4]
    assert found(asking, display_set=pk(other)) == everything[4:]
    assert found(asking, creator="lee") == everything[3:]
    assert found(asking, creator="nobody") == []
    assert found(asking, is_ground_truth="true") == []
    assert found(asking, is_ground_truth="false", limit=2, offset=1) == everything[1:3]
    for ignored in ("question", "reader_study", "ordering", "created__gt"):
        assert found(asking, **{ignored: "x"}) == everything
    mine = asking.get(f"{ANSWERS}mine/").json()["results"]
    assert [one["answer"] for one in mine] == [1]


def test_unknown_choices_of_filters_are_refused(client: Client) -> None:
    nonsense = client.get(f"{ANSWERS}?display_set=x")
    missing = client.get(f"{ANSWERS}?question__reader_study=00000000-0000-0000-0000-000000000000")

    words = "Select a valid choice. That choice is not one of the available choices."
    assert nonsense.json() == {"display_set": ["“x” is not a valid UUID."]}
    assert missing.json() == {"question__reader_study": [words]}


def test_an_answer_can_be_neither_changed_nor_deleted(client: Client) -> None:
    answer = client.answer(client.create()).json()

    change = client.patch(answer["api_url"], json={"answer": "changed"})

    words = "This reader study does not allow answer modification."
    assert (change.status_code, change.json()) == (400, {"non_field_errors": [words]})
    assert client.delete(answer["api_url"]).status_code == 403
    truth = f"{study(client)['api_url']}ground-truth/{answer['pk']}/"
    assert client.get(truth).json() == {"detail": "Not found."}


def test_display_sets_that_a_reader_has_not_finished_can_be_listed(
    asking: Client, tmp_path: Path
) -> None:
    asking.create(title="a")
    asking.create(title="b")
    for question, answer in (("Is there a nodule?", "yes"), ("Where?", "[]"), ("How many?", "2")):
        assert plant(tmp_path, "--reader", "kim", "--question", question, "a", answer) == 0
    plant(tmp_path, "--reader", "kim", "b", "no")

    def unfinished(**query: Any) -> list[str]:
        path = "reader-studies/display-sets/"
        answer = asking.get(path, params={"reader_study": study(asking)["pk"], **query}).json()
        assert answer["count"] == len(answer["results"])
        return [one["title"] for one in answer["results"]]

    assert unfinished(unanswered_by_user="true", user="kim") == ["b"]
    assert unfinished(unanswered_by_user="true") == ["a", "b"]
    assert unfinished() == ["a", "b"]


def test_planted_answers_hold_ids_of_options(asking: Client, tmp_path: Path) -> None:
    item = asking.create(title="a")

    assert plant(tmp_path, "a", "no") == 0
    assert plant(tmp_path, "--question", "Where?", item.split("/")[-2], '["left", "both"]') == 0
    assert plant(tmp_path, "--question", "How many?", "a", "2.5") == 0

    assert found(asking, creator="reader") == [2, [1, 3], 2.5]
    words = "This display set cannot be changed, as answers for it already exist."
    assert asking.patch(item, json={}).json() == [words]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nope", "1"), "no display set is called 'nope'"),
        (("twice", "1"), "several display sets are called 'twice'"),
        (("--question", "Why?", "one", "1"), "there is no question 'Why?', only 'Remarks'"),
        (("answered", "1"), "User reader has already answered this question"),
    ],
)
def test_an_answer_that_cannot_be_planted_is_refused(
    client: Client,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    for title, slug in (("one", "rs"), ("twice", "rs"), ("twice", "rs2"), ("answered", "rs")):
        client.create(reader_study=slug, title=title)
    plant(tmp_path, "answered", "0")

    with pytest.raises(SystemExit) as ended:
        plant(tmp_path, *arguments)

    assert ended.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rs", "is not a question"),
        ("rs=Choice", "is not a question"),
        ("rs=Colour:Which?", "'Colour' is not a type of answer"),
        ("rs=Choice:Which?", "needs options"),
        ("rs=Text:Which?|a", "has no options"),
    ],
)
def test_a_malformed_question_is_refused(line: str, words: str) -> None:
    with pytest.raises(OptionInvalid, match=words):
        parse_question(line)


def test_a_question_of_an_unknown_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionInvalid, match="--reader-study nope"):
        start(options(tmp_path, questions=("nope=Text:Why?",)))


def test_there_are_types_of_answers() -> None:
    assert {"Text", "Bool", "Number", "Choice", "Multiple choice", "2D bounding box"} <= set(TYPES)


class Noting:
    """Notes the kinds of requests."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def before(self, request: Seen) -> Fault | None:
        self.kinds.append(request.kind)
        return None

    def after(self, request: Seen, status: int) -> Fault | None:
        return None


def test_hooks_see_requests_about_answers(start_sandbox: Start) -> None:
    hook = Noting()
    client = start_sandbox(hook=hook)
    for path in (ANSWERS, f"{ANSWERS}mine/", "reader-studies/questions/"):
        client.get(path)

    assert hook.kinds == ["answers"] * 3


def test_answers_of_an_older_folder_are_kept(start_sandbox: Start, tmp_path: Path) -> None:
    client = start_sandbox()
    item, other = (client.create(title=title) for title in "ab")
    question = study(client)["questions"][0]["api_url"]
    client.running.close()
    db = sqlite3.connect(tmp_path / "memory" / "sandbox.sqlite3")
    db.executescript(
        "DROP TABLE answers; DROP TABLE questions; DROP TABLE algorithms;"
        "DROP TABLE algorithm_jobs; PRAGMA user_version = 1;"
        "ALTER TABLE jobs DROP COLUMN name; ALTER TABLE jobs DROP COLUMN image;"
        "CREATE TABLE answers (pk TEXT PRIMARY KEY, item TEXT NOT NULL, question TEXT NOT NULL,"
        " answer TEXT NOT NULL, created REAL NOT NULL);"
    )
    for path, link in ((item, question), (other, "q")):
        pk = path.split("/")[-2]
        db.execute("INSERT INTO answers VALUES (?, ?, ?, '1', 1.5)", (pk, pk, link))
    db.commit()
    db.close()

    answers = start_sandbox().get(ANSWERS).json()["results"]

    tail = question.partition("/api/")[2]
    assert [one["question"].partition("/api/")[2] for one in answers] == [tail, tail]
    assert [one["creator"] for one in answers] == ["sandbox-user"] * 2
