"""The endpoints of algorithm jobs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from sqlite3 import Row
from typing import Any

from manifest_uploader.sandbox.algorithms import Interface, find_runnable, interfaces_of
from manifest_uploader.sandbox.answers import Answer, Refused, as_json, invalid, not_found
from manifest_uploader.sandbox.fields import FieldInvalid
from manifest_uploader.sandbox.job_states import (
    FINAL,
    VALIDATING,
    find_job,
    outputs_of,
    start_when_complete,
)
from manifest_uploader.sandbox.requests import Request
from manifest_uploader.sandbox.site import Site, may_edit
from manifest_uploader.sandbox.store import COLLEAGUE, USER, is_pk, new_pk, now
from manifest_uploader.sandbox.values import (
    Entry,
    ValuesInvalid,
    apply_entry,
    read_values,
    values_json,
    values_of,
)

_MONTH_S = 30 * 24 * 3600
_THAT_CHOICE = "Select a valid choice. That choice is not one of the available choices."
_THIS_CHOICE = "Select a valid choice. {} is not one of the available choices."
_FILTERS: Mapping[str, tuple[str, str, str]] = {
    "algorithm_image__algorithm": (
        "SELECT 1 FROM algorithms WHERE pk = ?",
        "algorithm = ?",
        _THAT_CHOICE,
    ),
    "input_image": (
        "SELECT 1 FROM images WHERE pk = ?",
        "pk IN (SELECT item FROM vals WHERE image = ?)",
        _THIS_CHOICE,
    ),
    "output_image": (
        "SELECT 1 FROM images WHERE pk = ?",
        "pk || '/outputs' IN (SELECT item FROM vals WHERE image = ?)",
        _THIS_CHOICE,
    ),
}
"""By parameter: whether the object with this pk exists, which jobs belong to it, and the refusal of
an unknown one."""


@dataclass(frozen=True)
class _Wanted:
    """A valid request for a job."""

    algorithm: Row
    inputs: tuple[Entry, ...]


def create_job(site: Site, request: Request) -> Answer:
    """Start a job, or answer 400 with the first of the platform's checks that fails."""
    wanted = _read(site, request)
    interface = _check(site, request, wanted)
    pk = new_pk()
    site.store.run(
        "INSERT INTO algorithm_jobs"
        " (pk, algorithm, user, created, status, wanted, outputs, credits, fails)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(pk, wanted.algorithm["pk"], request.user, now(), VALIDATING),
        *(json.dumps(interface.inputs), json.dumps(interface.outputs)),
        *(wanted.algorithm["credits"], request.job_fails),
    )
    for entry in wanted.inputs:
        apply_entry(site, request, pk, entry)
    start_when_complete(site, pk)
    inputs = values_json(site, request, values_of(site, [pk])[pk], full=False)
    return as_json(201, {"pk": pk, "inputs": inputs, "status": VALIDATING})


def get_job(site: Site, request: Request, pk: str) -> Answer:
    """Return one job of the user."""
    if not is_pk(pk):
        raise not_found()
    row = find_job(site.store, pk)
    if row is None or row["user"] not in _seen_users(request):
        raise not_found("Job")
    return as_json(200, _jobs_json(site, request, [row])[0])


def list_jobs(site: Site, request: Request) -> Answer:
    """Return a page of the user's jobs and of those shared with the user, the oldest first.

    Nothing tells the ones from the others. Unknown filters are ignored.
    """
    conditions: list[str] = ["user IN (SELECT value FROM json_each(?))"]
    values: list[Any] = [json.dumps(_seen_users(request))]
    for parameter, (exists, belongs, refusal) in _FILTERS.items():
        if pk := request.query.get(parameter):
            if not is_pk(pk):
                raise invalid(**{parameter: [f"“{pk}” is not a valid UUID."]})
            if site.store.row(exists, pk) is None:
                raise invalid(**{parameter: [refusal.format(pk)]})
            conditions.append(belongs)
            values.append(pk)
    found = f"FROM algorithm_jobs WHERE {' AND '.join(conditions)}"
    count = site.store.number(f"SELECT COUNT(*) {found}", *values)
    rows = site.store.rows(
        f"SELECT * {found} ORDER BY seq LIMIT ? OFFSET ?", *(*values, request.limit, request.offset)
    )
    return as_json(200, request.page_of(count, _jobs_json(site, request, rows)))


def _seen_users(request: Request) -> tuple[int | None, ...]:
    """Return the users whose jobs the user may see."""
    return (USER, COLLEAGUE) if may_edit(request) else (request.user,)


def _read(site: Site, request: Request) -> _Wanted:
    """Return the request's fields, or answer 400 with the errors of all of them."""
    readers: dict[str, Callable[[Any], Any]] = {
        "algorithm": lambda link: find_runnable(site, request, link),
        "inputs": lambda values: read_values(site, request, values),
    }
    found: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for name, read in readers.items():
        try:
            if name not in request.data:
                errors[name] = ["This field is required."]
            else:
                found[name] = read(request.data[name])
        except FieldInvalid as error:
            errors[name] = error.words
        except ValuesInvalid as error:
            errors[name] = error.errors
    if errors:
        raise invalid(**errors)
    return _Wanted(**found)


def _check(site: Site, request: Request, wanted: _Wanted) -> Interface:
    """Return the interface that takes the inputs; raise the platform's first refusal."""
    algorithm, options = wanted.algorithm, site.options
    if not algorithm["ready"]:
        raise _refusal("Algorithm image is not ready to be used")
    if _spent(site, request) + algorithm["credits"] > options.credits:
        raise _refusal("You have run out of algorithm credits")
    if _active(site, request) >= options.job_limit:
        words = "You have too many active jobs, please try again after they have completed"
        raise _refusal(words)
    interfaces = interfaces_of(algorithm)
    given = {entry.socket.slug for entry in wanted.inputs}
    interface = next((one for one in interfaces if set(one.inputs) == given), None)
    if interface is None:
        raise _refusal(_no_such_combination(site, interfaces))
    if _is_known(site, wanted):
        words = "A result for these inputs with the current image and model already exists."
        raise _refusal(words)
    return interface


def _refusal(words: str) -> Refused:
    return invalid(non_field_errors=[words])


def _spent(site: Site, request: Request) -> int:
    """Return the credits that the user's jobs of the last month cost, whatever became of them."""
    query = "SELECT SUM(credits) FROM algorithm_jobs WHERE user = ? AND created > ?"
    return site.store.number(query, request.user, now() - _MONTH_S)


def _active(site: Site, request: Request) -> int:
    query = (
        "SELECT COUNT(*) FROM algorithm_jobs WHERE user = ?"
        " AND status NOT IN (SELECT value FROM json_each(?))"
    )
    return site.store.number(query, request.user, json.dumps(FINAL))


def _no_such_combination(site: Site, interfaces: tuple[Interface, ...]) -> str:
    def in_words(number: int, interface: Interface) -> str:
        sockets = [site.sockets.by_slug[slug] for slug in interface.inputs]
        inputs = _enumerate([f"{socket.title} ({socket.kind})" for socket in sockets])
        return f"Interface {number}: {inputs}"

    known = _enumerate([in_words(number, one) for number, one in enumerate(interfaces, 1)])
    return (
        "The set of inputs provided does not match any of the algorithm's interfaces. This "
        f"algorithm supports the following input combinations: {known}"
    )


def _enumerate(words: list[str]) -> str:
    """Return words as a list in a sentence."""
    if len(words) < 3:  # noqa: PLR2004
        return " and ".join(words)
    return f"{', '.join(words[:-1])}, and {words[-1]}"


def _is_known(site: Site, wanted: _Wanted) -> bool:
    """Return whether a job has exactly these inputs, which only values and existing images can be.

    It may be a failed job, and one of another user.
    """
    if any(entry.upload or entry.uploads or entry.session for entry in wanted.inputs):
        return False
    given = {
        (entry.socket.pk, entry.image, None if entry.image else _canonical(entry.value))
        for entry in wanted.inputs
    }
    query = "SELECT v.* FROM vals v JOIN algorithm_jobs j ON j.pk = v.item WHERE j.algorithm = ?"
    held: dict[str, set[tuple[int, str | None, str | None]]] = {}
    for row in site.store.rows(query, wanted.algorithm["pk"]):
        value = None if row["json"] is None else _canonical(json.loads(row["json"]))
        held.setdefault(row["item"], set()).add((row["socket"], row["image"], value))
    return given in held.values()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _jobs_json(site: Site, request: Request, rows: list[Row]) -> list[dict[str, Any]]:
    keys = [key for row in rows for key in (row["pk"], outputs_of(row["pk"]))]
    held = values_of(site, keys)
    algorithms = {row["pk"]: row for row in site.store.rows("SELECT * FROM algorithms")}
    return [_job_json(site, request, row, algorithms[row["algorithm"]], held) for row in rows]


def _job_json(
    site: Site, request: Request, row: Row, algorithm: Row, held: Mapping[str, list[Row]]
) -> dict[str, Any]:
    pk = row["pk"]
    has_run = row["status"] in ("Executed", "Succeeded", "Failed")
    return {
        "pk": pk,
        "url": f"{request.base}/algorithms/{algorithm['slug']}/jobs/{pk}/",
        "api_url": request.url(f"algorithms/jobs/{pk}/"),
        "algorithm_image": request.url(f"algorithms/images/{algorithm['image']}/"),
        "inputs": values_json(site, request, held[pk], full=True),
        "outputs": values_json(site, request, held[outputs_of(pk)], full=True),
        "status": row["status"],
        "hanging_protocol": None,
        "optional_hanging_protocols": [],
        "view_content": {},
        "exec_duration": "P0DT00H00M01S" if has_run else None,
        "invoke_duration": "P0DT00H00M02S" if has_run else None,
        "algorithm": request.url(f"algorithms/{algorithm['pk']}/"),
    }
