"""Completes the options by asking about what is in the folder."""

from __future__ import annotations

from dataclasses import replace

from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.init import ask
from manifest_uploader.init.ask_columns import ask_order, ask_title, ask_values
from manifest_uploader.init.ask_table import ask_table
from manifest_uploader.init.cases import Cases, Folder
from manifest_uploader.init.dialogue import Person, Question, ask_until_valid
from manifest_uploader.init.options import NO_SLUG, Options
from manifest_uploader.init.paths import Paths
from manifest_uploader.init.view import View


class AcceptDefaults:
    """Accepts every default, to make up a command that can be proposed."""

    def tell(self, text: str) -> None:
        """Ignore the text."""

    def ask(self, question: Question) -> str:
        """The default; of columns, all: it is easier to remove options than to think of them."""
        return question.for_proposals or question.default or NO_SLUG

    def refuse(self, error: UploaderError) -> None:
        """Raise the error: the next answer would be the same."""
        raise error


def propose(options: Options, paths: Paths) -> Options:
    """The options with everything that was missing, as nobody is there to be asked."""
    return complete(options, Folder(paths, options), AcceptDefaults(), View())


def complete(options: Options, folder: Folder, person: Person, view: View) -> Options:
    """The options with everything that was missing.

    Raises:
        UsageError: the folder has nothing for a case or a socket, or the input ends.

    """
    options, study = ask.ask_target(person, options, view)
    sockets = ask.Sockets(view, study)
    cases = _ask_cases(options, folder, person)
    options = replace(options, each=cases.each)
    options, cases, table = ask_table(person, options, cases, folder)
    if not any(one.column is None for one in options.sockets):
        proposals = folder.sockets(cases, options)
        rules = tuple(ask.ask_sockets(person, proposals, len(cases.found), sockets))
        options = replace(options, sockets=(*rules, *options.sockets))
    if table is not None and not _uses_table(options):
        options = ask_values(person, options, table, sockets)
    options = ask_title(person, options, cases, table)
    options = ask_order(person, options, table)
    if not options.sockets:
        raise UsageError(
            "no socket has files or values",
            hint='say which files are for which, as in --socket "ct-image=ct/*.dcm"',
        )
    return options


def _uses_table(options: Options) -> bool:
    """Whether the options that were given say what the table is for."""
    by_title = options.title is not None and options.title.startswith("@")
    return by_title or any(one.column is not None for one in options.sockets)


def _ask_cases(options: Options, folder: Folder, person: Person) -> Cases:
    if options.each:
        return folder.cases(options.each, options)
    likely = folder.likely_each(options)
    person.tell(_describe_folder(likely, options, folder))
    question = Question(
        "One case for each folder or file that matches",
        likely,
        (
            "* stands for any text: patient-* fits patient-1 and patient-2, */* goes one",
            "folder deeper, *.mha makes every such file a case.",
        ),
    )
    return ask_until_valid(person, question, lambda text: folder.cases(text, options))


def _describe_folder(likely: str, options: Options, folder: Folder) -> str:
    try:
        cases = folder.cases(likely, options)
    except UsageError:
        return f"{options.folder} holds nothing that looks like cases."
    return f"{options.folder}: {len(cases.found)} match {likely}: {cases.shown()}"
