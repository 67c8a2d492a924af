"""The official client sends one image set: `client_gcapi_set.py FOLDER`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gcapi import Client, SocketValueSpec

client = Client(
    token=os.environ["GRAND_CHALLENGE_AUTHORIZATION"],
    base_url=os.environ["GRAND_CHALLENGE_API_URL"],
)
files = sorted(Path(sys.argv[1]).iterdir())
client.add_case_to_reader_study(
    reader_study_slug="benchmark",
    title="theirs",
    values=[SocketValueSpec("dicom-set", files=files, image_name="theirs")],
)
