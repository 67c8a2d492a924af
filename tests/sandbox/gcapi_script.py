"""Uses the official client as its users do, in a separate environment; prints what it saw.

Arguments: the API's address, a token, and a folder with `a.mhd`, `a.raw`, `a.pdf` and `a.dcm`.
"""

import contextlib
import json
import sys
import time
from io import BytesIO
from pathlib import Path

from gcapi import Client, SocketValueSpec
from gcapi.exceptions import MultipleObjectsReturned, ObjectNotFound
from httpx import HTTPStatusError

url, token, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
client = Client(base_url=url, token=token)
sets = client.reader_studies.display_sets
seen = {}


def error_of(call, *errors):
    """Return the name and words of the error that a call raises."""
    try:
        call()
    except errors as error:
        return [type(error).__name__, str(error)]
    return None


def filled(pk, count):
    """Return the display set once it has so many values."""
    while len((found := sets.detail(pk=pk)).values) < count:
        time.sleep(0.02)
    return found


def study_case(values, **more):
    return client.add_case_to_reader_study(reader_study_slug="rs", values=values, **more)


# Cases with values of each kind
item = study_case(
    [
        SocketValueSpec("ct-image", files=[folder / "a.mhd", folder / "a.raw"]),
        SocketValueSpec("age-float", value=1.5),
        SocketValueSpec("any-file", value={"a": 1}),
        SocketValueSpec("report-pdf", file=folder / "a.pdf"),
    ],
    title="by the official client",
    order=4,
)
slices = SocketValueSpec("dicom-set", files=[folder / "a.dcm"], image_name="a set")
with_slices = study_case([slices])
archived = client.add_case_to_archive(
    archive_slug="ar", values=[SocketValueSpec("age-float", value=2.5)], title="archived"
)
seen["items"] = {"item": item.pk, "slices": with_slices.pk, "archived": archived.pk}

# Values as the platform shows them, downloaded, and used again
shown = filled(item.pk, 4)
seen["order of values"] = [value.interface.slug for value in shown.values]
image = shown.values[-1].image
[downloaded] = client.images.download(output_directory=folder, filename="image", url=image)
seen["image"] = [downloaded.name, downloaded.read_bytes()[:20].decode("ascii", "replace")]
for value in shown.values:
    client.download_socket_value(value=value, output_directory=folder / "downloads")
seen["downloads"] = sorted(
    path.relative_to(folder / "downloads").as_posix()
    for path in (folder / "downloads").rglob("*")
    if path.is_file()
)
reused = study_case([SocketValueSpec("ct-image", existing_image_api_url=str(image))])
again = study_case(
    [SocketValueSpec(v.interface.slug, existing_socket_value=v) for v in shown.values]
)
seen["used again"] = [len(filled(reused.pk, 1).values), len(filled(again.pk, 4).values)]

# Changes
client.update_display_set(display_set_pk=item.pk, values=[SocketValueSpec("age-float", value=3.5)])
changes = ({}, {"title": "new", "order": 10}, {}, {"title": "", "order": None})
seen["changes"] = [
    [changed.title, changed.order]
    for changed in (
        client.update_display_set(display_set_pk=again.pk, values=[], **change)
        for change in changes
    )
]
seen["archive changes"] = [
    client.update_archive_item(archive_item_pk=archived.pk, values=[], **change).title
    for change in ({"title": "other"}, {}, {"title": ""})
]
with contextlib.suppress(HTTPStatusError):
    client.update_archive_item(
        archive_item_pk=archived.pk, values=[SocketValueSpec("age-float", value="abc")]
    )
seen["archived"] = client.archive_items.detail(pk=archived.pk).values[0].value

# DICOM image sets
with_set = filled(with_slices.pk, 1)
seen["set"] = client.images.detail(api_url=with_set.values[0].image).name


# Algorithm jobs
def job_of(*inputs):
    """Start a job and return it once it has ended."""
    started = client.start_algorithm_job(algorithm_slug="nodules", inputs=list(inputs))
    seen.setdefault("started", []).append([type(started).__name__, started.status])
    while (job := client.algorithm_jobs.detail(pk=started.pk)).status != "Succeeded":
        time.sleep(0.02)
    return job


jobs = [
    job_of(
        SocketValueSpec("ct-image", files=[folder / "a.mhd", folder / "a.raw"]),
        SocketValueSpec("age-float", value=age),
    )
    for age in (1.5, 2.5)
]
jobs.append(job_of(SocketValueSpec("dicom-set", files=[folder / "a.dcm"], image_name="for a job")))
jobs.append(job_of(SocketValueSpec("dicom-set", existing_image_api_url=with_set.values[0].image)))
seen["jobs"] = [[value.interface.slug for value in job.inputs] for job in jobs]
for value in jobs[0].outputs:
    client.download_socket_value(value=value, output_directory=folder / "outputs")
seen["outputs"] = sorted(path.name for path in (folder / "outputs").rglob("*") if path.is_file())
with contextlib.suppress(HTTPStatusError):
    job_of(SocketValueSpec("dicom-set", existing_image_api_url=with_set.values[0].image))
seen["number of jobs"] = len(list(client.algorithm_jobs.iterate_all()))

# Lists and details
studies, archives = client.reader_studies, client.archives
seen["studies"] = [study.slug for study in studies.iterate_all()]
page = archives.page(limit=123)
seen["page"] = [len(page), page.offset, page.limit, page.total_count]
for place, slug in ((studies, "rs"), (archives, "ar")):
    one = place.detail(slug=slug)
    assert one.pk == place.detail(pk=one.pk).pk == place.detail(api_url=one.api_url).pk
seen["answers"] = [answer.answer for answer in studies.answers.iterate_all()]
seen["algorithms"] = len(client.algorithms.page())
seen["interfaces"] = len(client.algorithms.detail(slug="nodules").interfaces)

# Errors
for _ in range(2):
    client.uploads.upload_fileobj(fileobj=BytesIO(b"123"), filename="test")
stranger = Client(base_url=url, token="whatever")
unknown = SocketValueSpec("no-socket", value=1)
seen["errors"] = {
    "slug": error_of(lambda: studies.detail(slug="foo"), ObjectNotFound),
    "pk": error_of(lambda: studies.detail(pk="foo"), ObjectNotFound),
    "address": error_of(
        lambda: studies.detail(api_url=f"{url}reader-studies/foo/"), ObjectNotFound
    ),
    "several": error_of(lambda: client.uploads.detail(slug=""), MultipleObjectsReturned),
    "socket": error_of(lambda: study_case([unknown]), ValueError),
    "token": error_of(
        lambda: stranger.uploads.upload_fileobj(fileobj=BytesIO(b"1"), filename="a"),
        HTTPStatusError,
    ),
}
print(json.dumps(seen))
