"""Check that the tests notice broken code: `python -m tests.mutations`.

Each mutation breaks one rule in a copy of the package. At least one of the tests that guard the
rule must fail. The storm is not among them: it finds such defects only by chance.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Mutation:
    """How to break a rule, and the tests that must notice."""

    module: str
    """Path inside the package."""
    old: str
    """Occurs exactly once in the module."""
    new: str
    tests: str
    """Paths and node IDs below `tests`, separated by spaces."""


MUTATIONS: Final = {
    "what recovery finds is persisted": Mutation(
        "state/ledger.py",
        "        self._writer.append(self._unwritten)\n",
        "",
        "state/test_ledger.py engine/test_run.py",
    ),
    "a creation or fill is on the disk before it is sent": Mutation(
        "engine/execution.py",
        "self._journal.sync()  # its record must",
        "pass  # its record must",
        "engine/test_run.py",
    ),
    "the window limits how many cases are begun": Mutation(
        "engine/scheduler.py",
        "self._flow.busy < window and ",
        "",
        "engine/test_scheduler.py::test_no_more_cases_are_begun_than_the_window_holds",
    ),
    "imports are looked at less often while cases are sent": Mutation(
        "engine/import_waits.py",
        "_BUSY_PAUSE_S if busy else 0.0",
        "0.0",
        "engine/test_import_waits.py",
    ),
    "imports are looked at soon after a fill": Mutation(
        "engine/import_waits.py",
        'was just sent."""\n        self._pause_s = _FIRST_PAUSE_S',
        'was just sent."""',
        "engine/test_import_waits.py",
    ),
    "the history folds Checked": Mutation(
        "state/history.py",
        "    Checked: _checked,",
        "    Checked: lambda past, event: None,",
        "state/test_history.py",
    ),
    "the history folds Renamed": Mutation(
        "state/history.py",
        "self._cases[event.case] = self._cases.pop(event.was, CaseHistory())",
        "pass",
        "state/test_history.py",
    ),
    "a stored part is compared by its MD5": Mutation(
        "engine/data_task.py",
        "stored.size == part.length and stored.etag == part.read()",
        "stored.size == part.length and part.read()",
        "engine/test_data_task.py",
    ),
    "a sent part is compared by its MD5": Mutation(
        "engine/data_task.py",
        "not self._encrypted and etag != part.md5",
        "False",
        "engine/test_data_task.py",
    ),
    "a fill is not repeated blindly": Mutation(
        "engine/item_writer.py",
        "            response = send_call(self._client, call, repeat=False)\n            while",
        "            response = send_call(self._client, call, repeat=True)\n            while",
        "engine/test_worker.py",
    ),
    "a pilot that fails hands on": Mutation(
        "engine/case_flow.py",
        "            self.create_or_fill(self.live[following])",
        "            pass",
        "engine/test_scheduler.py",
    ),
    "only proof of death breaks a lock": Mutation(
        "state/lock.py",
        "not take_over and not is_dead(holder)",
        "not take_over and False",
        "state/test_lock.py",
    ),
    "a limit pauses uploads": Mutation(
        "engine/upload_limits.py",
        "return self.reason is None or (self._probe is None and now >= self._due)",
        "return True",
        "engine/test_upload_limits.py",
    ),
    "the token is not sent to storage": Mutation(
        "platform/client.py",
        '{**_HEADERS, "Content-Length": str(length)}',
        '{**_HEADERS, "Content-Length": str(length), '
        '"Authorization": f"Bearer {self.platform.token}"}',
        "platform/test_client.py::test_a_part_goes_to_storage_without_the_token",
    ),
    "an upload is confirmed only by a value that was not there before": Mutation(
        "platform/items.py",
        "    return held if held.mark != entry.before else None",
        "    return held",
        "platform/test_items.py",
    ),
    "DICOM files are checked for patients' names before they are sent": Mutation(
        "plan/content.py",
        "    problems.add(names_finding(question, look))",
        "    pass",
        "plan/test_content.py",
    ),
    "a file goes into a value socket as JSON": Mutation(
        "plan/delivery.py",
        'if socket is not None and socket.super_kind == "Value":',
        'if isinstance(value, JsonValue) and socket and socket.super_kind == "Value":',
        "plan/test_delivery.py",
    ),
    "the failed import of a replaced value does not fail the case": Mutation(
        "engine/case_flow.py",
        "if failure is not None and not self._is_replaced(case, socket):",
        "if failure is not None:",
        "engine/test_scheduler.py",
    ),
    "a fill whose ticket waits has not taken effect": Mutation(
        "platform/sessions.py",
        'return self.status != "Queued"',
        "return True",
        "engine/test_worker.py engine/test_recovery.py",
    ),
    "a fill whose ticket was used is not sent again": Mutation(
        "engine/item_writer.py",
        "        if was_used is None:\n            item = get_item",
        "        if was_used is not False:\n            item = get_item",
        "engine/test_worker.py",
    ),
    "recovery asks tickets first": Mutation(
        "engine/recovery.py",
        "    if was_used:\n",
        "    if False:\n",
        "engine/test_recovery.py",
    ),
    "a fill is sent again with the same ticket": Mutation(
        "engine/recovery.py",
        "    if entry.ticket is not None:\n",
        "    if False:\n",
        "engine/test_recovery.py",
    ),
    "tickets are made before the item": Mutation(
        "engine/case_flow.py",
        "        elif not self._makes_tickets(live):\n",
        "        else:\n",
        "engine/test_scheduler.py",
    ),
    "a platform without tickets is asked once": Mutation(
        "engine/tickets.py",
        "        self._is_offered = False\n",
        "        self._is_offered = None\n",
        "engine/test_tickets.py",
    ),
    "a fill without tickets names the uploads": Mutation(
        "plan/requests.py",
        " if pk not in known:\n",
        " if False:\n",
        "plan/test_requests.py",
    ),
    "a failed import is told by its own ticket": Mutation(
        "engine/imports/judge.py",
        "    return None if may_come else ticket\n",
        "    return None\n",
        "engine/test_imports.py",
    ),
    "sessions are not listed for a wait with a ticket": Mutation(
        "engine/imports/sessions.py",
        "        and wait.ticket is None\n",
        "",
        "engine/test_imports.py",
    ),
    "a ticket of ours is not another import's failure": Mutation(
        "engine/imports/watcher.py",
        "            self._failed.claimed.add(wait.ticket)\n",
        "",
        "engine/test_imports.py",
    ),
    "an image that lacks slices has failed": Mutation(
        "engine/imports/judge.py",
        "return image.slices < wait.slices",
        "return False",
        "engine/test_imports.py",
    ),
    "an image is not done before its slices are counted": Mutation(
        "engine/imports/judge.py",
        "    if pk is not None and image is None:\n        return None\n",
        "",
        "engine/test_imports.py",
    ),
    "an image that does not exist is a problem": Mutation(
        "plan/checks.py",
        "value.pk in inputs.facts.missing_images",
        "False",
        "plan/test_checks.py",
    ),
    "only an upload of the same files is resumed": Mutation(
        "plan/values.py",
        "before is None or before.done or before.row.stat != facts.stat",
        "before is None or before.done",
        "plan/test_values.py",
    ),
    "an image set never mixes two keys": Mutation(
        "plan/image_sets.py",
        "if (before.row.stat, before.row.made_by) != (stat, made_by):",
        "if before.row.stat != stat:",
        "plan/test_image_sets.py",
    ),
    "an image set is sent once all its files are there": Mutation(
        "engine/live_case.py",
        "if len(files) < len(one.names):",
        "if not files:",
        "engine/test_live_case.py",
    ),
    "what must agree in an image set is compared": Mutation(
        "plan/set_series.py",
        "for name, header in slices if header.agreeing]",
        "for name, header in slices if not header.agreeing]",
        "plan/test_set_series.py",
    ),
    "a copy is not made of a file that changed": Mutation(
        "files/copy_worker.py",
        "        check_same(file)\n",
        "",
        "files/test_copies.py",
    ),
    "the instances of an image set are counted": Mutation(
        "platform/images.py",
        "slices=len(instances)",
        "slices=None",
        "platform/test_images.py",
    ),
    "a job is sent again only after its first request had some time": Mutation(
        "engine/jobs/flow.py",
        "case NotStarted() if age_s >= self._policy.settle_s:",
        "case NotStarted():",
        "engine/jobs/test_flow.py",
    ),
    "a job that was there before is not taken for ours": Mutation(
        "engine/jobs/finder.py",
        "{*owned, *started.equal}",
        "{*owned}",
        "engine/jobs/test_finder.py",
    ),
    "a used upload session says that a job was started": Mutation(
        "engine/jobs/finder.py",
        "if not any(ticket.was_used for _, ticket in shown):",
        "if shown:",
        "engine/jobs/test_finder.py",
    ),
    "a job that may be ours keeps another one from being started": Mutation(
        "engine/jobs/finder.py",
        "    if possible:\n",
        "    if not possible:\n",
        "engine/jobs/test_finder.py",
    ),
    "a case is done only once its job has succeeded": Mutation(
        "state/standing.py",
        'or past.job == "running"',
        "",
        "plan/test_jobs.py",
    ),
    "a failed job is not started again by itself": Mutation(
        "plan/jobs.py",
        "if not has_failed(past) or inputs.choices.retry_failed:",
        "if True:",
        "plan/test_jobs.py",
    ),
    "jobs are started one by one once there was no room": Mutation(
        "engine/jobs/limits.py",
        "if self._is_tight and self.under_way:",
        "if False:",
        "engine/jobs/test_limits.py",
    ),
    "an item is created only after its uploads are complete": Mutation(
        "engine/scheduler.py",
        'if live.note_upload(event.step.socket or "", event):',
        'if live.note_upload(event.step.socket or "", event) or True:',
        "engine/test_scheduler.py",
    ),
}


def passes(tests: Iterable[str], mutation: Mutation | None = None) -> bool:
    """Whether tests pass with a copy of the package, broken or not."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("manifest_uploader", "schemas"):
            shutil.copytree(ROOT / part, Path(folder, part))
        if mutation is not None:
            module = Path(folder, "manifest_uploader", mutation.module)
            text = module.read_text(encoding="utf-8")
            assert text.count(mutation.old) == 1, f"{mutation.module}: {mutation.old!r}"
            module.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
        options = ("-x", "-n0", "--import-mode=append")  # the repository comes after the copy
        ran = subprocess.run(
            [sys.executable, "-P", "-m", "pytest", *options, *(f"tests/{one}" for one in tests)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": folder},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    assert ran.returncode in {0, 1}, ran.stdout + ran.stderr
    return ran.returncode == 0


def main() -> int:
    """Try every mutation; 1 if any survived."""
    tests = {test: None for mutation in MUTATIONS.values() for test in mutation.tests.split()}
    assert passes(tests), "a test fails without any mutation"
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda one: not passes(one.tests.split(), one), MUTATIONS.values()))
    for rule, caught in zip(MUTATIONS, results, strict=True):
        print(f"{'caught' if caught else 'SURVIVED':8}  {rule}")
    print(f"{sum(results)} of {len(results)} caught")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
