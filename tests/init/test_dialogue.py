"""Every question has help and a way back, whatever a talk asks."""

from __future__ import annotations

from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.init.dialogue import Dialogue, Person, Question, ask_until_valid
from manifest_uploader.init.terminal import fitted


class Typist:
    """Types answers, an empty one for Enter, and notes what is shown."""

    def __init__(self, *answers: str) -> None:
        self.screen: list[str] = []
        self._answers = iter(answers)

    def tell(self, text: str) -> None:
        self.screen.append(text)

    def ask(self, question: Question) -> str:
        answer = next(self._answers)
        self.screen.append(f"{question.text}? [{question.default}] {answer}".rstrip())
        return answer or question.default

    def refuse(self, error: UploaderError) -> None:
        self.screen.append(error.message)


def talk(person: Person) -> list[str]:
    """Asks for an animal, and then what depends on it."""
    answers = [person.ask(Question("Animal", "cat", ("A cat or a dog.",)))]
    person.tell(f"So it is a {answers[0]}.")
    names = ("first", "second") if answers[0] == "cat" else ("only",)
    questions = [Question(f"Its {name} name", name) for name in names]
    return [*answers, *(ask_until_valid(person, one, lower_case) for one in questions)]


def lower_case(text: str) -> str:
    if text != text.lower():
        raise UsageError("lower case, please")
    return text


def test_enter_takes_every_default() -> None:
    assert Dialogue(Typist("", "", "")).hold(talk) == ["cat", "first", "second"]


def test_going_back_asks_the_question_before_and_what_follows_from_it() -> None:
    typist = Typist("", "tom", "<", "<", "dog", "rex")

    assert Dialogue(typist).hold(talk) == ["dog", "rex"]
    assert typist.screen == [
        "Animal? [cat]",
        "So it is a cat.",
        "Its first name? [first] tom",
        "Its second name? [second] <",
        "So it is a cat.",
        "Its first name? [tom] <",
        "Animal? [cat] dog",
        "So it is a dog.",
        "Its only name? [only] rex",
    ]


def test_what_was_answered_before_going_back_is_offered_again() -> None:
    typist = Typist("", "tom", "<", "<", "", "", "")

    assert Dialogue(typist).hold(talk) == ["cat", "tom", "second"]


def test_a_refused_answer_is_asked_again_and_is_no_step_back() -> None:
    typist = Typist("", "TOM", "tom", "<", "<", "", "ann", "bob")

    assert Dialogue(typist).hold(talk) == ["cat", "ann", "bob"]
    assert "lower case, please" in typist.screen


def test_help_is_shown_and_the_question_comes_again() -> None:
    typist = Typist("?", "<", "", "", "")

    assert Dialogue(typist).hold(talk)[0] == "cat"
    assert typist.screen[1].splitlines()[0] == "  A cat or a dog."
    assert "This is the first question." in typist.screen


def test_where_there_is_no_default_enter_is_no_answer() -> None:
    typist = Typist("", "", "x")

    assert Dialogue(typist).hold(lambda person: person.ask(Question("Name"))) == "x"
    assert typist.screen.count("There is no default: type an answer, ? for help.") == 2


def test_lines_are_broken_between_words_and_keep_their_indent() -> None:
    assert fitted("  a line that is much too long", 24).split("\n") == [
        "  a line that is much",
        "    too long",
    ]
    assert fitted("x" * 50, 24) == "x" * 50
