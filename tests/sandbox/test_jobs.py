"""Algorithms and their jobs: refusals, statuses, limits, outputs and lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from manifest_uploader.sandbox import Fault, Judge, OptionInvalid, Seen, start
from manifest_uploader.sandbox.algorithms import Interface, parse_algorithm
from manifest_uploader.sandbox.kinds import KINDS
from manifest_uploader.sandbox.outputs import example
from manifest_uploader.sandbox.schemas import Validators, schema_of
from manifest_uploader.sandbox.show import as_table, read_items
from manifest_uploader.sandbox.store import COLLEAGUE, Store, new_pk, now
from tests.sandbox.contents import dicom
from tests.sandbox.helpers import PLAIN, Client, mha, options, wait_for, wait_for_imports

FOREVER = float("inf")
ALGORITHMS = (
    "multi=ct-image+age-float->results-json-file",
    "multi=any-file->results-json-file",
    "multi=count-int+dicom-set->results-json-file",
    "multi=note-string->results-json-file",
    "multi=ct-image+lesion-seg->lesion-seg",
    "out=ct-image+note-string+report-pdf->ct-image+note-string+report-pdf+any-file+lesion-seg",
    "none=note-string->results-json-file,not-ready",
    "dear=note-string->results-json-file,credits=2000",
    "public=note-string->results-json-file,view-only",
)
FINAL = ("Succeeded", "Failed", "Cancelled")
JOBS = "algorithms/jobs/"
EXISTS = "A result for these inputs with the current image and model already exists."
Start = Callable[..., Client]


def begin(start_sandbox: Start, **more: Any) -> Client:
    given = {"algorithms": ALGORITHMS, "job_delay_s": 0.0, **more}
    return start_sandbox(**given)


def address(client: Client, slug: str = "multi") -> str:
    [found] = client.get("algorithms/", params={"slug": slug}).json()["results"]
    return str(found["api_url"])


def post(client: Client, *inputs: dict[str, Any], slug: str = "multi") -> httpx.Response:
    return client.post(JOBS, json={"algorithm": address(client, slug), "inputs": list(inputs)})


def note(text: str = "x") -> dict[str, Any]:
    return {"interface": "note-string", "value": text}


def scan(client: Client, content: bytes | None = None) -> dict[str, Any]:
    return {"interface": "ct-image", "user_uploads": [client.upload("scan.mha", content)]}


def age(years: float = 1.5) -> dict[str, Any]:
    return {"interface": "age-float", "value": years}


def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 400
    [words] = answer.json()["non_field_errors"]
    return str(words)


def look(client: Client, pk: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{JOBS}{pk}/").json()
    return found


def ended(client: Client, answer: httpx.Response) -> dict[str, Any]:
    """Return a job once it has ended."""
    assert answer.status_code == 201, answer.text

    def find() -> dict[str, Any] | None:
        job = look(client, answer.json()["pk"])
        return job if job["status"] in FINAL else None

    job: dict[str, Any] = wait_for(find)
    return job


def by_slug(values: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {value["interface"]["slug"]: value for value in values}


def test_an_algorithm_names_its_interfaces(start_sandbox: Start) -> None:
    client = begin(start_sandbox)
    [found] = client.get("algorithms/?slug=multi").json()["results"]

    inputs = [[one["slug"] for one in interface["inputs"]] for interface in found["interfaces"]]
    assert inputs[:2] == [["ct-image", "age-float"], ["any-file"]]
    assert found["interfaces"][0]["outputs"][0]["kind"] == "Anything"
    assert client.get(found["api_url"]).json() == found
    assert client.get("algorithms/").json()["count"] == 5
    assert client.stranger().get("algorithms/").json()["count"] == 1
    assert client.stranger().get(found["api_url"]).status_code == 404
    assert client.get("algorithms/images/").json()["count"] == 4


def test_the_probe_meets_the_checks_in_the_order_of_the_platform(start_sandbox: Start) -> None:
    client = begin(start_sandbox, credits=100, job_delay_s=FOREVER, job_limit=2)
    hidden = client.stranger().post(JOBS, json={"algorithm": address(client), "inputs": []})

    assert refusal(post(client, slug="none")) == "Algorithm image is not ready to be used"
    assert refusal(post(client, slug="dear")) == "You have run out of algorithm credits"
    assert refusal(post(client)).startswith("The set of inputs provided does not match any of")
    for answer in (post(client, slug="public"), hidden):
        words = "Invalid hyperlink - Object does not exist."
        assert answer.json() == {"algorithm": [words]}
    for number in range(2):
        assert post(client, note(str(number))).status_code == 201
    many = "You have too many active jobs, please try again after they have completed"
    assert refusal(post(client)) == many
    assert refusal(post(client, note("0"))) == many
    assert refusal(post(client, slug="dear")) == "You have run out of algorithm credits"
    anonymous = client.post(JOBS, json={}, headers={"Authorization": ""})
    assert anonymous.status_code == 401


def test_all_errors_of_fields_come_at_once_and_first(start_sandbox: Start) -> None:
    client = begin(start_sandbox)

    answer = client.post(JOBS, json={"algorithm": "multi", "inputs": [note(), age("abc")]})  # type: ignore[arg-type]

    words = "JSON does not fulfill schema: instance 'abc' is not of type 'number'"
    assert answer.json() == {
        "algorithm": ["Invalid hyperlink - No URL match."],
        "inputs": [{}, {"__all__": [words]}],
    }


def test_credits_are_charged_whatever_becomes_of_a_job(start_sandbox: Start) -> None:
    client = begin(start_sandbox, credits=50, failing_jobs=(1,))
    assert ended(client, post(client, note("a")))["status"] == "Failed"
    assert ended(client, post(client, note("b")))["status"] == "Succeeded"

    assert refusal(post(client, note("c"))) == "You have run out of algorithm credits"


def test_a_job_passes_through_the_statuses_and_then_has_its_outputs(
    start_sandbox: Start,
) -> None:
    client = begin(start_sandbox, job_delay_s=0.03)
    answer = post(client, note())
    assert answer.json()["status"] == "Validating inputs"
    assert [value["interface"] for value in answer.json()["inputs"]] == ["note-string"]
    seen: list[str] = []

    def see() -> bool:
        job = look(client, answer.json()["pk"])
        if job["status"] not in seen:
            seen.append(job["status"])
        assert bool(job["outputs"]) == (job["status"] == "Succeeded")
        return job["status"] in FINAL

    wait_for(see)

    order = ["Validating inputs", "Queued", "Provisioned", "Executing", "Executed", "Succeeded"]
    assert seen == [status for status in order if status in seen]
    assert len(seen) > 3


def test_a_job_waits_for_its_uploads(start_sandbox: Start, tmp_path: Path) -> None:
    client = begin(start_sandbox, import_delay_s=FOREVER)
    answer = post(client, scan(client), age())
    pk = answer.json()["pk"]

    assert [value["interface"] for value in answer.json()["inputs"]] == ["age-float"]
    assert look(client, pk)["status"] == "Validating inputs"
    client.running.close()
    client = begin(start_sandbox)

    wait_for(lambda: look(client, pk)["status"] == "Succeeded")
    image = by_slug(look(client, pk)["inputs"])["ct-image"]["image"]
    assert client.get(image).json()["name"] == "scan.mha"
    assert client.get(f"cases/images/?job_input={pk}").json()["count"] == 1
    assert client.get(f"cases/images/?job_output={pk}").json()["count"] == 0


def test_a_job_survives_a_restart_in_the_middle(start_sandbox: Start) -> None:
    client = begin(start_sandbox, job_delay_s=FOREVER)
    pk = post(client, note()).json()["pk"]
    client.running.close()

    client = begin(start_sandbox, algorithms=())

    wait_for(lambda: look(client, pk)["status"] == "Succeeded")


def test_outputs_fit_their_sockets_and_can_be_downloaded(start_sandbox: Start) -> None:
    client = begin(start_sandbox, keep_bytes=True)
    report = client.upload("my report.pdf", b"%PDF-1.4 of the case")
    inputs = (scan(client), note("hello"), {"interface": "report-pdf", "user_upload": report})
    job = ended(client, post(client, *inputs, slug="out"))
    outputs = by_slug(job["outputs"])

    def download(url: str) -> bytes:
        answer = client.get(url)
        assert answer.status_code == 302
        return httpx.get(answer.headers["Location"], **PLAIN).content

    assert outputs["note-string"]["value"] == "hello"
    assert download(outputs["report-pdf"]["file"]) == b"%PDF-1.4 of the case"
    assert outputs["any-file"]["file"].endswith("/any-file.json")
    assert job["pk"].encode() in download(outputs["any-file"]["file"])
    image = client.get(outputs["ct-image"]["image"]).json()
    source = by_slug(job["inputs"])["ct-image"]["image"].split("/")[-2]
    assert image["name"] == f"{source}.mha"
    assert download(image["files"][0]["file"]).startswith(b"ObjectType = Image")
    listed = client.get(f"cases/images/?job_output={job['pk']}").json()
    assert listed["count"] == 2


def test_outputs_can_be_downloaded_even_if_contents_are_dropped(start_sandbox: Start) -> None:
    client = begin(start_sandbox)
    report = {"interface": "report-pdf", "user_upload": client.upload("r.pdf", b"%PDF")}
    job = ended(client, post(client, scan(client), note(), report, slug="out"))
    outputs = by_slug(job["outputs"])

    found = client.get(outputs["report-pdf"]["file"], follow_redirects=False)
    content = httpx.get(found.headers["Location"], **PLAIN).content

    assert job["pk"].encode() in content
    assert outputs["report-pdf"]["file"].endswith("/report-pdf.pdf")
    image = client.get(outputs["lesion-seg"]["image"]).json()
    assert image["shape"] == [2, 4, 4]


def test_a_failed_image_cancels_its_job_and_speaks_through_its_session(
    start_sandbox: Start,
) -> None:
    client = begin(start_sandbox, hook=Script("job-create", Fault.fail_import("Too bad")))

    job = ended(client, post(client, scan(client), age()))

    assert (job["status"], [value["value"] for value in job["inputs"]]) == ("Cancelled", [1.5])
    [session] = client.sessions()
    assert session["error_message"].endswith("failed with error: Too bad.")


def test_an_upload_that_is_not_completed_cancels_its_job(start_sandbox: Start) -> None:
    client = begin(start_sandbox)
    rows = [client.open_upload(name) for name in ("a.mha", "a.json")]
    image = {"interface": "ct-image", "user_uploads": [rows[0]["api_url"]]}
    file = {"interface": "any-file", "user_upload": rows[1]["api_url"]}

    assert ended(client, post(client, image, age()))["status"] == "Cancelled"
    assert ended(client, post(client, file))["status"] == "Cancelled"


def test_refused_files_and_sets_leave_a_job_active_for_ever(
    start_sandbox: Start, tmp_path: Path
) -> None:
    client = begin(start_sandbox, job_limit=2)
    file = {"interface": "any-file", "user_upload": client.upload("a.json", b"{a")}
    slices = [client.upload("1.dcm", b"no slice")]
    refused = {"interface": "dicom-set", "image_name": "a set", "user_uploads": slices}
    count = {"interface": "count-int", "value": 1}
    pks = [post(client, file).json()["pk"], post(client, refused, count).json()["pk"]]
    wait_for_imports(tmp_path)

    assert {look(client, pk)["status"] for pk in pks} == {"Validating inputs"}
    assert "too many active jobs" in refusal(post(client, note()))
    assert client.get(file["user_upload"]).json()["status"] == "Completed"
    assert client.get(slices[0]).status_code == 404


def test_a_job_takes_a_dicom_set_and_is_found_by_its_name(start_sandbox: Start) -> None:
    client = begin(start_sandbox)
    uploads = [client.upload(f"{n}.dcm", dicom("1.9", n)) for n in range(2)]
    given = {"interface": "dicom-set", "image_name": "set 0f3a", "user_uploads": uploads}
    job = ended(client, post(client, given, {"interface": "count-int", "value": 1}))

    [image] = client.get("cases/images/?name=set 0f3a").json()["results"]
    [found] = client.get(f"{JOBS}?input_image={image['pk']}").json()["results"]

    assert found == job
    assert found["status"] == "Succeeded"


def test_a_ticket_starts_one_job(start_sandbox: Start) -> None:
    client = begin(start_sandbox)
    session = client.post("cases/upload-sessions/", json={"uploads": [client.upload()]}).json()
    ticket = {"interface": "ct-image", "upload_session": session["api_url"]}

    refused = post(client, ticket, {"interface": "age-float", "value": "x"})
    queued = client.get(session["api_url"]).json()["status"]
    first = post(client, ticket, age())
    again = post(client, ticket, age())

    assert (refused.status_code, queued) == (400, "Queued")
    words = "Invalid hyperlink - Object does not exist."
    assert again.json() == {"inputs": [{"upload_session": [words]}, {}]}
    job = ended(client, first)
    [image] = client.get(session["api_url"]).json()["image_set"]
    assert by_slug(job["inputs"])["ct-image"]["image"] == image
    assert post(client, ticket, age()).json() == again.json()
    assert client.get(JOBS).json()["count"] == 1


def test_of_two_overlapping_requests_with_a_ticket_one_job_waits_for_ever(
    start_sandbox: Start, tmp_path: Path
) -> None:
    client = begin(start_sandbox, hook=Script("job-create", Fault.twice()))
    session = client.post("cases/upload-sessions/", json={"uploads": [client.upload()]}).json()
    ticket = {"interface": "ct-image", "upload_session": session["api_url"]}

    assert ended(client, post(client, ticket, age()))["status"] == "Succeeded"

    double = client.get(JOBS).json()["results"][1]
    assert (double["status"], list(by_slug(double["inputs"]))) == (
        "Validating inputs",
        ["age-float"],
    )
    assert client.get(session["api_url"]).json()["status"] == "Succeeded"


def test_two_overlapping_fills_with_a_ticket_leave_one_value(
    start_sandbox: Start, tmp_path: Path
) -> None:
    client = begin(start_sandbox, hook=Script("item-fill", Fault.twice()))
    session = client.post("cases/upload-sessions/", json={"uploads": [client.upload()]}).json()
    item = client.create()

    ticket = {"interface": "ct-image", "upload_session": session["api_url"]}
    assert client.fill(item, ticket).status_code == 200
    wait_for_imports(tmp_path)

    [image] = client.get(session["api_url"]).json()["image_set"]
    assert client.values(item)["ct-image"]["image"] == image


def test_values_and_existing_images_make_one_job(start_sandbox: Start) -> None:
    client = begin(start_sandbox, failing_jobs=(1,))
    failed = ended(client, post(client, note()))
    imported = ended(client, post(client, scan(client), age(2)))
    image = by_slug(imported["inputs"])["ct-image"]["image"]
    existing = {"interface": "ct-image", "image": image}

    assert failed["status"] == "Failed"
    assert refusal(post(client, note())) == EXISTS
    assert refusal(post(client, existing, age(2))) == EXISTS
    assert refusal(post(client, age(2.0), existing)) == EXISTS
    assert post(client, existing, age(3)).status_code == 201
    assert refusal(post(client, existing, age(3))) == EXISTS
    assert post(client, scan(client), age(3)).status_code == 201


def test_booleans_and_numbers_are_different_inputs(start_sandbox: Start) -> None:
    client = begin(start_sandbox, algorithms=("any=any-value->metrics-json-file",))
    values = [0, False, "", [], 1.0, True, {"a": 1, "b": 2}]
    answers = [post(client, {"interface": "any-value", "value": v}, slug="any") for v in values]
    again = post(client, {"interface": "any-value", "value": {"b": 2, "a": 1}}, slug="any")

    assert [answer.status_code for answer in answers] == [201] * len(values)
    assert refusal(again) == EXISTS


def test_jobs_are_listed_oldest_first_with_the_filters_that_work(start_sandbox: Start) -> None:
    client = begin(start_sandbox)
    with_image = ended(client, post(client, scan(client), age()))
    others = [ended(client, post(client, note(str(n)))) for n in range(2)]
    other = ended(client, post(client, note(), scan(client), report(client), slug="out"))
    image = by_slug(with_image["inputs"])["ct-image"]["image"].split("/")[-2]
    made = by_slug(other["outputs"])["lesion-seg"]["image"].split("/")[-2]

    def pks(**query: Any) -> list[str]:
        return [job["pk"] for job in client.get(JOBS, params=query).json()["results"]]

    order = [job["pk"] for job in (with_image, *others, other)]
    algorithm = with_image["algorithm"].split("/")[-2]
    assert pks() == order
    assert pks(limit=1, offset=3) == order[3:]
    assert pks(algorithm_image__algorithm=algorithm) == order[:3]
    assert pks(input_image=image) == order[:1]
    assert pks(output_image=made) == order[3:]
    for ignored in ("image", "status", "ordering", "creator", "algorithm"):
        assert pks(**{ignored: "x"}) == order


def report(client: Client) -> dict[str, Any]:
    return {"interface": "report-pdf", "user_upload": client.upload("r.pdf", b"%PDF")}


def test_unknown_choices_of_filters_are_refused(start_sandbox: Start) -> None:
    client = begin(start_sandbox)
    unknown = "00000000-0000-0000-0000-000000000000"

    nonsense = client.get(f"{JOBS}?algorithm_image__algorithm=nonsense")
    missing = client.get(f"{JOBS}?input_image={unknown}")

    words = f"Select a valid choice. {unknown} is not one of the available choices."
    assert nonsense.json() == {"algorithm_image__algorithm": ["“nonsense” is not a valid UUID."]}
    assert missing.json() == {"input_image": [words]}


def test_jobs_of_others_are_hidden_and_none_can_be_changed(start_sandbox: Start) -> None:
    client = begin(start_sandbox)
    path = f"{JOBS}{post(client, note()).json()['pk']}/"
    stranger = client.stranger()

    changes = [client.request(method, path, json={}) for method in ("DELETE", "PATCH", "PUT")]

    assert [answer.status_code for answer in changes] == [403] * 3
    assert stranger.get(JOBS).json()["count"] == 0
    assert stranger.get(path).json() == {"detail": "No Job matches the given query."}
    assert client.get(f"{JOBS}x/").status_code == 404


def plant_job(store: Store, algorithm: str, values: Mapping[str, Any]) -> str:
    """Store a finished job that a colleague of the user ran and shares; return its pk.

    `algorithm` is a slug, and `values` are by the slugs of value sockets.
    """
    row = store.row("SELECT * FROM algorithms WHERE slug = ?", algorithm)
    assert row is not None
    pk = new_pk()
    store.run(
        "INSERT INTO algorithm_jobs"
        " (pk, algorithm, user, created, status, wanted, outputs, credits, fails)"
        " VALUES (?, ?, ?, ?, 'Succeeded', ?, '[]', ?, 0)",
        *(pk, row["pk"], COLLEAGUE, now(), json.dumps(list(values)), row["credits"]),
    )
    for slug, value in values.items():
        store.run(
            "INSERT INTO vals (item, socket, json) SELECT ?, pk, ? FROM sockets WHERE slug = ?",
            *(pk, json.dumps(value), slug),
        )
    return pk


def test_jobs_of_a_colleague_are_listed_among_the_own_ones(
    start_sandbox: Start, tmp_path: Path
) -> None:
    client = begin(start_sandbox, job_limit=2, job_delay_s=FOREVER)
    first = post(client, note("a")).json()["pk"]
    store = Store(tmp_path / "memory")
    shared = plant_job(store, "multi", {"note-string": "b"})
    store.close()
    last = post(client, note("c"))

    listed = client.get(JOBS).json()["results"]

    assert [job["pk"] for job in listed] == [first, shared, last.json()["pk"]]
    assert listed[0].keys() == listed[1].keys()
    assert look(client, shared)["status"] == "Succeeded"
    assert client.stranger().get(JOBS).json()["count"] == 0
    assert "too many active jobs" in refusal(post(client, note("d")))


def test_a_job_of_a_colleague_is_a_known_result(start_sandbox: Start, tmp_path: Path) -> None:
    client = begin(start_sandbox)
    store = Store(tmp_path / "memory")
    plant_job(store, "multi", {"note-string": "b"})
    store.close()

    assert refusal(post(client, note("b"))) == EXISTS


class Script:
    """Causes one fault at each request of a kind, and notes the kinds and the jobs it sees."""

    def __init__(self, kind: str = "", fault: Fault | None = None, fails: str = "") -> None:
        self.kind, self.fault, self.fails = kind, fault, fails
        self.kinds: list[str] = []
        self.jobs: list[dict[str, Any]] = []

    def before(self, request: Seen) -> Fault | None:
        self.kinds.append(request.kind)
        return self.fault if request.kind == self.kind else None

    def after(self, request: Seen, status: int) -> Fault | None:
        return None

    def on_job(self, job: str, inputs: dict[str, Any]) -> bool:
        self.jobs.append(inputs)
        return inputs.get("note-string") == self.fails


def test_a_fault_or_a_hook_can_let_jobs_fail(start_sandbox: Start) -> None:
    client = begin(start_sandbox, hook=Script("job-create", Fault.fail_job()))
    assert ended(client, post(client, note()))["status"] == "Failed"
    client.running.close()

    hook = Script(fails="b")
    client = begin(start_sandbox, hook=hook)
    states = [ended(client, post(client, note(text)))["status"] for text in "bc"]
    ended(client, post(client, scan(client), note(), report(client), slug="out"))

    assert states == ["Failed", "Succeeded"]
    assert hook.jobs[2] == {"ct-image": "scan.mha", "note-string": "x", "report-pdf": "r.pdf"}


def test_hooks_see_requests_about_jobs_with_their_kinds(start_sandbox: Start) -> None:
    hook = Script()
    client = begin(start_sandbox, hook=hook)
    pk = post(client, note()).json()["pk"]
    client.get(JOBS)
    client.get(f"{JOBS}{pk}/")

    assert hook.kinds == ["algorithm", "job-create", "job-list", "job-get"]


def test_show_lists_jobs_after_items(start_sandbox: Start, tmp_path: Path) -> None:
    client = begin(start_sandbox)
    client.create(title="an item")
    job = ended(client, post(client, note()))
    store = Store(tmp_path / "memory")
    try:
        [_, shown] = read_items(store)
    finally:
        store.close()

    assert (shown["kind"], shown["slug"], shown["pk"]) == ("algorithm", "multi", job["pk"])
    assert (shown["status"], shown["order"]) == ("Succeeded", None)
    assert shown["values"] == {"note-string": {"value": "x"}}
    assert list(shown["outputs"]) == ["results-json-file"]
    assert as_table([shown]).splitlines()[:2] == [
        f"algorithm multi: Succeeded  {job['pk']}",
        '    note-string: "x"',
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a", "is not an algorithm"),
        ("a=b-", "in quotes"),
        ("a=->c", "is not an algorithm"),
        ("a=b->c+", "is not an algorithm"),
        ("a=b->c,quick", "'quick' is not known; write credits=N, not-ready or view-only"),
    ],
)
def test_a_malformed_algorithm_is_refused(line: str, words: str) -> None:
    with pytest.raises(OptionInvalid, match=words):
        parse_algorithm(line)


def test_an_algorithm_of_unknown_sockets_is_refused(tmp_path: Path) -> None:
    words = r"the algorithm 'a' needs the socket 'nope'; make it up: --socket nope=KIND"
    with pytest.raises(OptionInvalid, match=words):
        start(options(tmp_path, algorithms=("a=ct-image->nope",)))


def test_an_algorithm_is_described_by_a_line() -> None:
    found = parse_algorithm("a=b + c->d,credits=40,not-ready,view-only")

    assert found.interfaces == (Interface(("b", "c"), ("d",)),)
    assert (found.credits, found.ready, found.runnable) == (40, False, False)


def test_a_later_start_replaces_the_interface_with_the_same_inputs(
    start_sandbox: Start, tmp_path: Path, judge: Judge
) -> None:
    client = begin(start_sandbox, algorithms=("a=ct-image+age-float->results-json-file",))
    before = address(client, "a")
    client.running.close()

    lines = ("a=age-float+ct-image->metrics-json-file", "a=note-string->metrics-json-file")
    client = begin(start_sandbox, algorithms=lines)

    [found] = client.get("algorithms/?slug=a").json()["results"]
    assert address(client, "a").split("/")[-2] == before.split("/")[-2]
    outputs = [[one["slug"] for one in each["outputs"]] for each in found["interfaces"]]
    assert outputs == [["metrics-json-file"]] * 2


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS.values() if kind.family == "json"])
def test_an_example_of_each_kind_fulfills_its_schema(kind: str) -> None:
    schema = schema_of(kind)

    assert Validators().complaint(1, schema, example(schema)) is None


def test_a_job_whose_output_does_not_fit_its_socket_fails(
    start_sandbox: Start, tmp_path: Path
) -> None:
    schema = tmp_path / "odd.json"
    schema.write_text('{"type": "string", "pattern": "^[0-9]+$", "minLength": 1}')
    sockets = (
        *options(tmp_path).sockets,
        f"odd=String,schema={schema}",
        "odd-map=Displacement field",
    )
    lines = ("odd=note-string->odd", "map=note-string->odd-map")
    client = begin(start_sandbox, sockets=sockets, algorithms=lines)

    states = [ended(client, post(client, note(), slug=slug))["status"] for slug in ("odd", "map")]

    assert states == ["Failed", "Failed"]


def test_an_uploaded_segmentation_that_is_refused_cancels_its_job(start_sandbox: Start) -> None:
    client = begin(start_sandbox)
    seg = {
        "interface": "lesion-seg",
        "user_uploads": [client.upload("s.mha", mha(bytes([7] * 32)))],
    }

    job = ended(client, post(client, scan(client), seg))

    assert job["status"] == "Cancelled"
