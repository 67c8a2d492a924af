"""What a run would do, as text: the answer of `uploader plan`."""

from __future__ import annotations

from manifest_uploader.output.formatting import counted, size_words
from manifest_uploader.output.run_lines import begin_line, failures_text, jobs_words
from manifest_uploader.output.verify_lines import changed_lines, difference_lines
from manifest_uploader.plan.estimate import total_requests
from manifest_uploader.plan.inputs import Facts, UidKey
from manifest_uploader.plan.steps import Action, CasePlan, ImageSet, Plan, total_size
from manifest_uploader.platform.targets import type_of
from manifest_uploader.text import Block, block


def plan_lines(plan: Plan, facts: Facts, limit: int) -> Block:
    """What a run would do: its cases, its requests, and the upload rows it needs."""
    lines: list[str] = []
    if facts.target is not None and plan.differences:
        lines.append(difference_lines(plan.differences, facts.target))
    has_titles = facts.target is None or type_of(facts.target.kind).has_titles
    lines += [
        _plan_line(case, has_titles=has_titles)
        for case in plan.cases
        if case.action is not Action.NOTHING
    ]
    lines += [
        f"{case.case}: {case.standing}: {failures_text(case)}"
        for case in plan.cases
        if case.action is Action.NOTHING and failures_text(case)
    ]
    if facts.target is not None:
        lines += changed_lines(plan.changed, facts.target)
    lines += [f"note: {note}" for note in plan.notes]
    if plan.no_start is not None and jobs_words(plan):
        lines.append(f"note: no job can be started now: {plan.no_start}")
    if facts.target is not None:
        lines.append(begin_line(plan, facts.target))
    if facts.uid_key is not None and any(case.sets for case in plan.cases):
        lines.append(_key_words(facts.uid_key))
    uploads = sum(len(case.uploads) for case in plan.cases)
    requests = total_requests(plan, facts.requests)
    slow = " (more if imports take long)" if uploads else ""
    lines.append(
        f"{counted(uploads, 'upload')}, {size_words(total_size(plan))}, "
        f"about {counted(requests, 'request')}{slow}; "
        f"upload rows: {facts.rows_used} of {limit} in use, {uploads} needed "
        "(they free themselves as imports end)"
    )
    if saved := sum(len(case.shared) for case in plan.cases):
        size = size_words(sum(case.spared for case in plan.cases))
        lines.append(
            f"{counted(saved, 'upload')}, {size} saved, because an image that is used several "
            "times is sent once"
        )
    return block(*lines, "nothing was sent")


def _key_words(key: UidKey) -> str:
    """Where the key for the new UIDs of image sets is."""
    is_there = "is" if key.made_by is not None else "will be"
    return (
        "DICOM image sets are de-identified here, while they are sent; the key for their new UIDs "
        f"{is_there} in '{key.file}', beside the state file"
    )


def changes_title(case: CasePlan) -> bool:
    """Whether an item that readers see already gets another title."""
    fill = case.fill
    return case.action is Action.UPDATE and fill is not None and fill.title is not None


def _plan_line(case: CasePlan, *, has_titles: bool) -> str:
    title = f" titled '{case.title}'" if case.title else " without a title"
    title = title if has_titles else " a job"
    parts = ["title"] if changes_title(case) else []
    parts += [
        f"{upload.socket} ({upload.name}, {size_words(upload.size)})"
        for upload in case.uploads
        if upload.file is None
    ]
    parts += map(_set_words, case.sets)
    uploaded = {upload.socket for upload in case.uploads} | {one.into for one in case.shared}
    parts += [f"{one.into} (the image of {one.case}/{one.socket})" for one in case.shared]
    parts += [socket for socket in case.sockets if socket not in uploaded]
    parts += [f"waiting for {'its end' if wait.job else wait.socket}" for wait in case.waits]
    if case.item is not None and case.fill is not None and case.fill.order is not None:
        parts.append(f"order number {case.fill.order}")
    return f"{case.case}: {case.action}{title}: {', '.join(parts) or 'title'}"


def _set_words(one: ImageSet) -> str:
    """An image set with the files that are still to be sent."""
    left = f"{len(one.uploads):,} of " if one.complete else ""
    size = size_words(sum(upload.size for upload in one.uploads))
    files = counted(len(one.names), "file")
    return f"{one.socket} ('{one.image_name}': {left}{files}, {size}, de-identified)"
