"""Uses the official client as its users do, in a separate environment."""

import json
import sys
from pathlib import Path

from gcapi import Client, SocketValueSpec

url, token, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
client = Client(base_url=url, token=token)
item = client.add_case_to_reader_study(
    reader_study_slug="rs",
    values=[
        SocketValueSpec(socket_slug="ct-image", files=[folder / "a.mhd", folder / "a.raw"]),
        SocketValueSpec(socket_slug="age-float", value=1.5),
        SocketValueSpec(socket_slug="any-file", value={"a": 1}),
        SocketValueSpec(socket_slug="report-pdf", file=folder / "a.pdf"),
    ],
    title="by the official client",
    order=4,
)
archived = client.add_case_to_archive(
    archive_slug="ar",
    values=[SocketValueSpec(socket_slug="age-float", value=2.5)],
    title="archived",
)
client.update_display_set(
    display_set_pk=item.pk, values=[SocketValueSpec(socket_slug="age-float", value=3.5)]
)
shown = client.reader_studies.display_sets.detail(pk=item.pk)
studies = [study.slug for study in client.reader_studies.iterate_all()]
print(json.dumps({"item": item.pk, "archived": archived.pk, "order": shown.order, "s": studies}))
