"""The profile of the user who asks."""

from __future__ import annotations

from manifest_uploader.sandbox.answers import Answer, as_json
from manifest_uploader.sandbox.requests import Request
from manifest_uploader.sandbox.site import Site, user_name


def get_own_profile(_site: Site, request: Request) -> Answer:
    """Return the user's own profile (`UserProfileSerializer` of the platform)."""
    profile = {
        "user": {"username": user_name(request)},
        "mugshot": "",
        "institution": "Sandbox",
        "department": "Rehearsals",
        "location": "NL",
        "website": "",
    }
    return as_json(200, profile)
