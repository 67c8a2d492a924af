"""What other people change on the platform is found, named and put back."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.digests import json_digest
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform.model import Entry as Put
from manifest_uploader.sandbox.show import delete_object
from manifest_uploader.sandbox.store import Store
from manifest_uploader.state.events import AnyEvent, Confirmed, Done, Started
from manifest_uploader.state.file import Binding
from manifest_uploader.state.ledger import Ledger
from tests.e2e.data import mask, mha, write
from tests.e2e.helpers import ARCHIVE, STUDY, Box, Entry, Served, served, wait_for
from tests.helpers import step_id
from tests.sandbox.helpers import Client

OTHER_STUDY = "other-study"
THIRD_STUDY = "third-study"
SETS, ITEMS = "reader-studies/display-sets/", "archives/items/"
PDF = b"%PDF-1.7\n"
LEFTOVER = "uploading-0123456789ab"


class Somebody(Client):
    """Changes items over the API, and behind its back."""

    def __init__(self, sandbox: Served) -> None:
        assert sandbox.running is not None
        super().__init__(sandbox.running)
        self.folder = sandbox.dir
        self.items = SETS

    def path(self, box: Box, case: str) -> str:
        return f"{self.items}{box.by_title()[case]['pk']}/"

    def change(self, path: str, **fields: Any) -> None:
        answer = self.patch(path, json=fields)
        assert answer.status_code == 200, answer.text

    def put_value(self, path: str, socket: str, **value: Any) -> None:
        self.change(path, values=[{"interface": socket, **value}])

    def remove(self, path: str, socket: str) -> None:
        """Remove one value: a PUT removes what it does not name."""
        kept = [value for slug, value in self.values(path).items() if slug != socket]
        values = [
            {"interface": one["interface"]["slug"], "value": one["value"]}
            for one in kept
            if one["value"] is not None
        ]
        answer = self.request("PUT", path, json={"values": values})
        assert answer.status_code == 200, answer.text

    def bring(self, path: str, socket: str, name: str, content: bytes) -> None:
        """Upload a file into a socket, and wait until it is there."""
        row = self.open_upload(name)
        part = self.put(row, content)
        assert self.complete(row, part).status_code == 200
        before = self.values(path).get(socket)
        is_file = name.endswith((".pdf", ".json"))
        link = {"user_upload": row["api_url"]} if is_file else {"user_uploads": [row["api_url"]]}
        self.put_value(path, socket, **link)
        wait_for(lambda: self.values(path).get(socket) != before)

    def exchange_bytes(self, item: str, content: bytes) -> None:
        """Let the item's only file hold something else, though its value is the same."""
        sha256 = hashlib.sha256(content).hexdigest()
        write(self.folder / "kept" / sha256, content)
        store = Store(self.folder)
        try:
            exchange = "UPDATE vals SET file = json_set(file, '$.sha256', ?) WHERE item = ?"
            assert store.change(exchange, sha256, item) == 1
        finally:
            store.close()

    def delete_on_the_page(self, pk: str) -> None:
        store = Store(self.folder)
        try:
            assert delete_object(store, pk)
        finally:
            store.close()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A platform that keeps the bytes of files."""
    folder = tmp_path_factory.mktemp("platform")
    studies = (STUDY, OTHER_STUDY, THIRD_STUDY)
    with served(folder, keep_bytes=True, reader_studies=studies) as found:
        yield found


@pytest.fixture
def somebody(sandbox: Served) -> Iterator[Somebody]:
    """Another editor."""
    with Somebody(sandbox) as found:
        yield found


def study(folder: Path, sandbox: Served, somebody: Somebody) -> Box:
    """One case for each kind of change, on the platform."""
    box = Box(folder, sandbox)
    for name in ("image-replaced", "image-removed", "image-deleted"):
        box.add(name, {"ct-image": {"file": f"{name}.mha"}, "some-score": 1})
        box.write(mha(name), f"{name}.mha")
    box.write(mask("m"), "mask.mha")
    box.add("segmentation-replaced", {"airway-segmentation": {"file": "mask.mha"}})
    for name in ("file-replaced", "file-content"):
        box.add(name, {"report": {"file": f"{name}.pdf"}})
        box.write(PDF + name.encode(), f"{name}.pdf")
    box.add("json-file-replaced", {"details": {"value": {"a": 1}}})
    host = somebody.create(reader_study=STUDY, title="of somebody")
    somebody.bring(host, "ct-image", "one.mha", mha("one"))
    somebody.bring(host, "mr-image", "two.mha", mha("two"))
    image = somebody.values(host)["ct-image"]["image"].rstrip("/").rpartition("/")[2]
    box.add("image-swapped", {"ct-image": {"image": image}})
    for name in ("value-changed", "value-back", "value-removed", "value-added", "title-changed"):
        box.add_score(name)
    for name in ("title-emptied", "order-changed", "deleted", "moved", "two-changes"):
        box.add_score(name)
    for name in ("swapped-1", "swapped-2"):
        box.add_score(name)
    box.add("order-given", {"some-score": 2}, order=990)
    box.add("bool-for-number", {"findings": {"value": 7}})
    box.add("nested", {"findings": {"value": {"nodules": [{"size": 1.5}]}}})
    box.add("text", {"remark": "left lung"})
    box.save()
    box.run().expect(0)
    return box


def change_everything(box: Box, somebody: Somebody) -> None:
    """Make one change of each kind."""
    at = {name: f"{SETS}{item['pk']}/" for name, item in box.by_title().items()}
    host = at["of somebody"]
    somebody.bring(at["image-replaced"], "ct-image", "image-replaced.mha", mha("other"))
    somebody.remove(at["image-removed"], "ct-image")
    somebody.delete_on_the_page(box.by_title()["image-deleted"]["values"]["ct-image"]["image"])
    somebody.bring(at["segmentation-replaced"], "airway-segmentation", "mask.mha", mask("n"))
    somebody.bring(at["file-replaced"], "report", "file-replaced.pdf", PDF + b"other")
    somebody.exchange_bytes(box.by_title()["file-content"]["pk"], PDF + b"other content")
    somebody.bring(at["json-file-replaced"], "details", "details.json", b'{"a": 2}')
    other = somebody.values(host)["mr-image"]["image"]
    somebody.put_value(at["image-swapped"], "ct-image", image=other)
    somebody.put_value(at["value-changed"], "some-score", value=9.5)
    somebody.put_value(at["value-back"], "some-score", value=9.5)
    somebody.put_value(at["value-back"], "some-score", value=1.5)
    somebody.remove(at["value-removed"], "some-score")
    somebody.put_value(at["value-added"], "is-good", value=True)
    somebody.change(at["title-changed"], title="Patient X")
    somebody.change(at["title-emptied"], title="")
    for name, title in (("1", "for now"), ("2", "swapped-1"), ("1", "swapped-2")):
        somebody.change(at[f"swapped-{name}"], title=title)
    somebody.change(at["order-changed"], order=3)
    somebody.change(at["order-given"], order=991)
    somebody.delete_on_the_page(box.by_title()["deleted"]["pk"])
    somebody.change(at["moved"], reader_study=OTHER_STUDY)
    somebody.change(at["two-changes"], title="Two", order=4)
    somebody.put_value(at["bool-for-number"], "findings", value=True)
    somebody.put_value(at["nested"], "findings", value={"nodules": [{"size": 1.25}]})
    somebody.put_value(at["text"], "remark", value="right lung")
    somebody.create(reader_study=STUDY, title=LEFTOVER)
    somebody.create(reader_study=STUDY, title="")


FOUND = {
    ("image-replaced", "ct-image", "image-changed"),
    ("image-removed", "ct-image", "value-missing"),
    ("image-deleted", "ct-image", "value-missing"),
    ("segmentation-replaced", "airway-segmentation", "image-changed"),
    ("file-replaced", "report", "file-changed"),
    ("file-content", "report", "content-changed"),
    ("json-file-replaced", "details", "file-changed"),
    ("image-swapped", "ct-image", "image-changed"),
    ("value-changed", "some-score", "value-changed"),
    ("value-removed", "some-score", "value-missing"),
    ("value-added", "is-good", "value-added"),
    ("title-changed", None, "title-changed"),
    ("title-emptied", None, "title-changed"),
    ("swapped-1", None, "title-changed"),
    ("swapped-2", None, "title-changed"),
    ("order-changed", None, "order-changed"),
    ("order-given", None, "order-changed"),
    ("deleted", None, "item-missing"),
    ("moved", None, "item-moved"),
    ("two-changes", None, "title-changed"),
    ("two-changes", None, "order-changed"),
    ("bool-for-number", "findings", "value-changed"),
    ("nested", "findings", "value-changed"),
    ("text", "remark", "value-changed"),
    (None, None, "leftover"),
}
LASTING = {("value-added", "is-good", "value-added"), (None, None, "leftover")}


def differences(lines: list[Entry]) -> set[tuple[str | None, str | None, str]]:
    """(case, socket, kind) of the differences among JSON lines; each once."""
    found = [line for line in lines if line["event"] == "difference"]
    keys = {(line["case"], line["socket"], line["kind"]) for line in found}
    assert len(keys) == len(found)
    return keys


def test_every_change_by_others_is_found_and_put_back(
    tmp_path: Path, sandbox: Served, somebody: Somebody
) -> None:
    box = study(tmp_path, sandbox, somebody)
    untouched = box("verify", "--json", "--content").expect(0)
    change_everything(box, somebody)

    told = box("verify", "--json", "--content").expect(1)
    planned = box("plan", "--json", "--verify", "--content").expect(1)
    ran = box.run("--verify", "--content", "--recreate").expect(1)
    after = box("verify", "--json", "--content").expect(1)

    assert untouched.summary["differences"] == 0
    assert len(untouched.summary["others"]) == 1
    assert differences(told.lines) == FOUND
    assert {one["title"] for one in told.summary["others"]} == {"of somebody", ""}
    assert told.summary["unread"] == []
    assert differences([one for one in planned.lines if "event" in one]) == FOUND
    sent = {name for name, line in planned.plan.items() if line.get("action") == "update"}
    restored = {case for case, _, kind in FOUND - LASTING if not kind.startswith("item-")}
    assert sent == restored
    assert differences(ran.lines) == FOUND
    assert ran.ends["done"] == len(box.entries)
    assert differences(after.lines) == LASTING
    assert_restored(box)


def assert_restored(box: Box) -> None:
    items = box.by_title()
    for entry in box.entries:
        held = items[entry["name"]]["values"]
        assert held.keys() - {"is-good"} == entry["sockets"].keys(), entry["name"]
    assert items["order-given"]["order"] == 990
    assert items["value-changed"]["values"]["some-score"] == {"value": 1.5}
    [file] = items["image-replaced"]["values"]["ct-image"]["files"]
    assert file["name"] == "image-replaced.mha"


def test_what_differs_is_said_in_words_with_the_page_of_what_is_left_over(
    tmp_path: Path, sandbox: Served, somebody: Somebody
) -> None:
    somebody.items = ITEMS
    box = Box(tmp_path, sandbox, kind="archive", slug=ARCHIVE)
    box.write(mha("a"), "a.mha")
    box.add("a", {"ct-image": {"file": "a.mha"}, "some-score": 1}, title="A")
    box.add("b", {"some-score": 1.5, "remark": "x"}, title="B")
    box.add("c", {"some-score": 1})
    box.save()
    fresh = box("verify").expect(1)
    box.run().expect(0)
    archive = somebody.get("archives/", params={"slug": ARCHIVE}).json()["results"][0]["api_url"]
    for title in (LEFTOVER, "Scan 1", ""):
        assert somebody.post(ITEMS, json={"archive": archive, "title": title}).status_code == 201
    somebody.bring(somebody.path(box, "A"), "ct-image", "a.mha", mha("b"))
    somebody.put_value(somebody.path(box, "B"), "some-score", value=2)
    somebody.remove(somebody.path(box, "B"), "remark")
    somebody.change(somebody.path(box, "B"), title="Bee")
    gone = box.by_title()["c"]["pk"]
    somebody.delete_on_the_page(gone)

    told = box("verify").expect(1)
    some = box("verify", "--only", "a").expect(1)
    ran = box("run", "--verify").expect(1)
    box("run", "--recreate").expect(0)
    after = box("verify").expect(1)

    items = box.by_title()
    left, page = items[LEFTOVER]["pk"], f"{sandbox.url.removesuffix('api/v1/')}archives/{ARCHIVE}/"
    assert "a: was not sent yet\n" in fresh.out
    assert told.out == (
        f"a/ct-image: holds another image ({page}items/{items['A']['pk']}/)\n"
        "b: its title is 'Bee' instead of 'B'\n"
        "b/some-score: holds 2 instead of 1.5\n"
        "b/remark: the value was removed\n"
        "c: its archive item was deleted; --recreate recreates it\n"
        f"left over: an archive item titled '{LEFTOVER}' belongs to no case here; "
        f"if no other run is making it just now, delete it at {page}items/{left}/\n"
        f"note: 2 items of others: 'Scan 1', one without a title ({items['']['pk']})\n"
        f"archive {ARCHIVE}: 3 cases compared: 6 differences\n"
        "Next: to put back what was changed, and send what is missing: "
        "uploader run lung.yaml --verify\n"
    )
    assert "1 case compared: 2 differences" in some.out
    assert "differs: b/remark: the value was removed\n" in ran.err
    assert "no run can put 1 difference right; 'uploader verify' names it\n" in ran.out
    assert f"archive {ARCHIVE}: 3 cases compared: 1 difference\n" in after.out
    box_values = items_of_case(box, "B")
    assert box_values == {"some-score": {"value": 1.5}, "remark": {"value": "x"}}


def items_of_case(box: Box, title: str) -> Entry:
    found: Entry = box.by_title()[title]["values"]
    return found


@pytest.mark.parametrize(
    ("kind", "slug"), [(TargetKind.READER_STUDY, STUDY), (TargetKind.ARCHIVE, ARCHIVE)]
)
def test_a_thousand_cases_take_few_requests(tmp_path: Path, kind: TargetKind, slug: str) -> None:
    with served(tmp_path / "sandbox") as sandbox:
        box = Box(tmp_path, sandbox, kind=kind.value, slug=slug)
        for number in range(1000):
            box.add_score(f"case-{number}", number + 0.5)
        box.save()
        store_cases(box, sandbox, kind)
        assert sandbox.running is not None
        before = sandbox.running.requests()

        told = box("verify", "--json").expect(1)

        assert sandbox.running.requests() - before <= 15
        assert differences(told.lines) == {("case-7", "some-score", "value-changed")}
        assert told.summary["cases"] == {"total": 1000}


def store_cases(box: Box, sandbox: Served, kind: TargetKind) -> None:
    """Store the cases on the platform and in the state, as a run would; case 7 was changed."""
    assert sandbox.running is not None
    store = Store(sandbox.dir)
    target = store.row("SELECT pk FROM targets WHERE slug = ?", box.slug)
    socket = store.number("SELECT pk FROM sockets WHERE slug = 'some-score'")
    assert target is not None
    events: list[AnyEvent] = []
    with store.transaction():
        for number, entry in enumerate(box.entries):
            pk, name, score = str(uuid.uuid4()), entry["name"], entry["sockets"]["some-score"]
            store.run(
                "INSERT INTO items (target, title, position, pk) VALUES (?, ?, ?, ?)",
                *(target["pk"], name, 10 * number + 10, pk),
            )
            value = store.run(
                "INSERT INTO vals (item, socket, json) VALUES (?, ?, ?)",
                *(pk, socket, json.dumps(-1 if number == 7 else score)),
            )
            entries = (Put("some-score", json_digest(score)),)
            order = 10 * number + 10 if kind is TargetKind.READER_STUDY else None
            create, fill = step_id(f"{name}:create"), step_id(f"{name}:fill")
            events += [
                Started(name, create, title=f"uploading-{number:012x}", order=order),
                Done(name, create, pk=pk),
                Started(name, fill, title=name, entries=entries),
                Done(name, fill, pk=pk),
                Confirmed(name, step_id(f"{name}/some-score"), "some-score", str(value)),
            ]
    store.close()
    ledger = Ledger(())
    binding = Binding(f"sandbox {sandbox.running.id}", kind, box.slug, target["pk"])
    ledger.open(box.state, binding, is_new=True)
    ledger.record(events)
    ledger.close()


def test_a_run_tells_what_others_changed_and_leaves_it(
    tmp_path: Path, sandbox: Served, somebody: Somebody
) -> None:
    """It lists the items anyway; the change may be meant."""
    box = Box(tmp_path, sandbox, slug=THIRD_STUDY)
    box.add_score("a", 1.5)
    box.add_score("b", 2.5)
    box.save()
    box.run().expect(0)
    somebody.put_value(somebody.path(box, "a"), "some-score", value=9)
    somebody.change(somebody.path(box, "b"), order=77)

    planned, ran = box("plan").expect(0), box("run").expect(0)

    assert "Finished: all 2 cases uploaded and verified (2 up to date); 2 cases changed" in ran.out
    for told in (planned.out + planned.err, ran.err):
        assert "note: changed on the platform: a/some-score: holds 9 instead of 1.5" in told
        assert "note: changed on the platform: b: its order is 77 instead of" in told
        assert "'run --verify' puts back what others changed" in told
    again = box.run().expect(0)
    assert {line["case"] for line in again.events("difference")} == {"a", "b"}
    assert again.summary["changed"] == 2

    box.entries[0]["sockets"] = {"some-score": 3}
    box.entries[1]["order"] = 80
    box.save()

    assert "changed on the platform" not in box("run").expect(0).err, "the manifest changed"
    box.check()


@pytest.mark.parametrize("command", ["plan", "run"])
def test_content_is_compared_only_with_verify(
    tmp_path: Path, sandbox: Served, command: str
) -> None:
    box = Box(tmp_path, sandbox, slug=THIRD_STUDY)
    box.add_score("a", 1.5)
    box.save()

    assert "--content works only with --verify" in box(command, "--content").expect(2).err


def test_what_left_the_manifest_is_told_and_no_difference(tmp_path: Path, sandbox: Served) -> None:
    box = Box(tmp_path, sandbox, slug=THIRD_STUDY)
    box.add("left-a", {"some-score": 1.5, "remark": "x"})
    box.add_score("left-b")
    box.save()
    box.run().expect(0)
    del box.entries[0]["sockets"]["remark"], box.entries[1]
    box.save()

    told = box("verify").expect(0).out

    names = "left-b, left-a/remark"
    assert f"note: no longer in the manifest, and still on the platform: {names}\n" in told
