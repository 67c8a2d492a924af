"""Starts algorithm jobs, and finds out whether they were started.

A job costs credits and cannot be taken back. So a creation whose answer was lost is not repeated
here: the scheduler lets some time pass, and looks, before the same request is sent again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from manifest_uploader.engine.item_writer import ItemWriter, refused, tickets_of
from manifest_uploader.engine.jobs.finder import Found, NotStarted, find_job
from manifest_uploader.engine.jobs.known_jobs import KnownJobs
from manifest_uploader.engine.outcomes import Counted, Doubted, Outcome, Settled
from manifest_uploader.files.local_file import FileChanged
from manifest_uploader.files.root import Root
from manifest_uploader.plan.jobs import is_found_by_inputs
from manifest_uploader.plan.steps import CountJobs, Create, Settle
from manifest_uploader.platform import refusals
from manifest_uploader.platform.endpoints import send_call
from manifest_uploader.platform.items import is_pk
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.responses import Response, ResponseLost
from manifest_uploader.state.events import Done, Failed, Paused

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_SERVER_ERROR: Final = 500
_KNOWN: Final = (
    "the algorithm already has a job with these inputs, perhaps somebody else's, and runs "
    "them again only once it has a new image"
)


class JobWriter:
    """Starts jobs, from any thread."""

    def __init__(self, client: Client, target: Target, root: Root) -> None:
        self._client, self._target = client, target
        self._items = ItemWriter(client, target, root)
        self._known = KnownJobs(client, target)

    def count(self, task: CountJobs) -> Counted:
        """Note how many jobs there are, and which have the same inputs."""
        jobs, equal = self._known.look(task.entries)
        return Counted(task.case, jobs, equal if is_found_by_inputs(task.entries) else ())

    def settle(self, task: Settle) -> Settled:
        """Look whether a job was started."""
        return Settled(task.case, find_job(self._client, self._target, task.started, task.owned))

    def start(self, task: Create) -> Iterator[Outcome]:
        """Start the job, and yield what to record; `Doubted` if only a look can tell."""
        try:
            call = self._items.with_contents(task.call)
        except FileChanged as changed:
            yield Failed(task.case, task.step, words=str(changed), final=False)
            return
        try:
            response = send_call(self._client, call, repeat=False)
        except ResponseLost as lost:
            yield Doubted(task.case, lost.why)
            return
        if response.ok and is_pk(pk := response.fields.get("pk")):
            yield from self._items.done(task, pk, response)
        elif response.ok or response.status >= _SERVER_ERROR:
            yield Doubted(task.case, refusals.refusal_message(response.status, response.json))
        else:
            yield from self._refused(task, response)

    def _refused(self, task: Create, response: Response) -> Iterator[Outcome]:
        body = response.json
        words = refusals.refusal_message(response.status, body)
        if refusals.is_job_limit(body):
            yield Paused(task.case, task.step, why=words)
        elif refusals.is_out_of_credits(body):
            yield Paused(task.case, task.step, why=words, credits=True)
        elif refusals.is_known_result(body):
            yield self._known_result(task, words)
        elif refusals.is_missing_object(body) and tickets_of(task.entries):
            yield from self._missing_object(task, response, words)
        else:
            yield refused(task, response, "inputs")

    def _known_result(self, task: Create, words: str) -> Outcome:
        """A job with these inputs exists: this case's own only if one was in doubt before.

        One's own jobs are always to be seen, those of others are not.
        """
        if task.doubt is not None:
            found = find_job(self._client, self._target, task.doubt, ())
            if isinstance(found, Found):
                return Done(task.case, task.step, pk=found.pk)
        return Failed(task.case, task.step, words=f"{_KNOWN} ({words})", final=True)

    def _missing_object(self, task: Create, response: Response, words: str) -> Iterator[Outcome]:
        """A session that was used says that an earlier request took effect after all."""
        if task.doubt is not None:
            found = find_job(self._client, self._target, task.doubt, ())
            if not isinstance(found, NotStarted):
                yield Doubted(task.case, words)
                return
        yield refused(task, response, "inputs")
