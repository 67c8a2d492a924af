"""Routes requests to their handlers and checks who sent them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from manifest_uploader.sandbox import (
    algorithm_jobs,
    algorithms,
    dicom_sets,
    images,
    interfaces,
    items,
    profiles,
    questions,
    reader_answers,
    sessions,
    targets,
    uploads,
)
from manifest_uploader.sandbox.answers import (
    Answer,
    Refused,
    Unhandled,
    as_json,
    broken_page,
    missing_page,
    refuse,
)
from manifest_uploader.sandbox.requests import API, Request
from manifest_uploader.sandbox.site import Site
from manifest_uploader.sandbox.store import STRANGER, USER, now

Handler = Callable[..., Answer]
_LOG = logging.getLogger(__name__)
_SAFE = ("GET", "HEAD", "OPTIONS")
_LISTS = (
    *("algorithms", "algorithms/images", "algorithms/jobs", "archives", "archives/items"),
    *("cases/images", "cases/upload-sessions"),
    *("components/interfaces", "notifications", "reader-studies", "reader-studies/answers"),
    *("reader-studies/questions",),
    *("reader-studies/display-sets", "uploads"),
)
_CHALLENGE = ("WWW-Authenticate", "Bearer")


@dataclass(frozen=True)
class Route:
    """A pattern of addresses, with the short name and handler of each method."""

    pattern: re.Pattern[str]
    methods: Mapping[str, tuple[str, Handler]]
    open: bool = True
    """Whether anyone may read without a token; lists are then empty."""
    delete: int = 405
    """The status of the answer to DELETE."""
    patch: int = 405
    """The status of the answer to PATCH and PUT if they have no handler."""

    def refusal(self, method: str) -> int:
        """Return the status of the answer to a method that has no handler."""
        return {"DELETE": self.delete, "PATCH": self.patch, "PUT": self.patch}.get(method, 405)


@dataclass(frozen=True)
class RouteMatch:
    """A route and the parts of the address that match its wildcards."""

    route: Route
    wildcards: tuple[str, ...]


@dataclass(frozen=True)
class Routes:
    """All addresses of the API."""

    site: Site
    tokens: Mapping[str, int]
    """User by token."""
    routes: tuple[Route, ...]

    def kind_of(self, method: str, path: str) -> str:
        """Return the short name of a request's kind."""
        found = self._find(path)
        if found is None or method not in found.route.methods:
            return "other"
        return found.route.methods[method][0]

    def answer(self, request: Request) -> Answer:
        """Handle a request in one transaction and return the answer."""
        found = self._find(request.path)
        if found is None:
            return self._elsewhere(request)
        try:
            with self.site.store.transaction():
                return self._act(found, request)
        except Refused as error:
            return _with_methods(error.answer, found.route)
        except Unhandled:
            return broken_page()
        except Exception as error:  # noqa: BLE001 - a sandbox that hangs up would hide its own bugs
            _LOG.error("a bug of the sandbox: %s %s: %r", request.method, request.path, error)
            return broken_page()

    def _act(self, found: RouteMatch, request: Request) -> Answer:
        uploads.clean_up(self.site.store, now() - self.site.options.upload_ttl_s)
        user = _authenticate(request.headers.get("Authorization", ""), self.tokens)
        request = replace(request, user=user)
        route = found.route
        if user is None and not (route.open and request.method in _SAFE):
            words = "Authentication credentials were not provided."
            raise refuse(401, {"detail": words}, _CHALLENGE)
        method = "GET" if request.method == "HEAD" else request.method
        if method == "OPTIONS":
            return as_json(200, {"name": "Sandbox", "description": ""}, _allow(route))
        if method not in route.methods and route.refusal(method) == 403:  # noqa: PLR2004
            words = "You do not have permission to perform this action."
            raise refuse(403, {"detail": words})
        if method not in route.methods:
            words = f'Method "{method}" not allowed.'
            raise refuse(405, {"detail": words}, _allow(route))
        _name, handler = route.methods[method]
        answer = handler(self.site, request, *found.wildcards)
        return _with_methods(answer, route)

    def _elsewhere(self, request: Request) -> Answer:
        if not request.path.endswith("/") and self._find(request.path + "/"):
            query = f"?{request.query_text}" if request.query_text else ""
            location = f"{request.path}/{query}"
            return Answer(301, b"", "text/html; charset=utf-8", (("Location", location),))
        return missing_page()

    def _find(self, path: str) -> RouteMatch | None:
        for route in self.routes:
            match = route.pattern.fullmatch(path)
            if match:
                return RouteMatch(route, match.groups())
        return None


def _authenticate(header: str, tokens: Mapping[str, int]) -> int | None:
    """Return the user who sent a request, None if there is no token, or answer 401."""
    header_parts = header.split()
    if not header_parts or header_parts[0].lower() != "bearer":
        return None
    if len(header_parts) == 1:
        words = "Invalid token header. No credentials provided."
    elif len(header_parts) > 2:  # noqa: PLR2004
        words = "Invalid token header. Token string should not contain spaces."
    elif header_parts[1] in tokens:
        return tokens[header_parts[1]]
    else:
        words = "Invalid token."
    raise refuse(401, {"detail": words}, _CHALLENGE)


def _with_methods(answer: Answer, route: Route) -> Answer:
    """Return the answer with the methods of its address, which refusals name, too."""
    if any(name == "Allow" for name, _ in answer.headers):
        return answer
    return replace(answer, headers=(*answer.headers, _allow(route)))


def _allow(route: Route) -> tuple[str, str]:
    methods = [name for name in ("GET", "POST", "PUT", "PATCH") if name in route.methods]
    return "Allow", ", ".join([*methods, "HEAD", "OPTIONS"])


def _route(path: str, **methods: tuple[str, Handler]) -> Route:
    pattern = re.escape(API) + path.replace("*", "([^/]+)")
    return Route(re.compile(pattern), methods)


def _get_versions(site: Site, _request: Request) -> Answer:
    """Return the supported versions of gcapi and the id of this sandbox."""
    versions = {"latest_version": "0.13.2", "lowest_supported_version": "0.13.0"}
    return as_json(200, {**versions, "sandbox_id": site.id})


def _get_root(_site: Site, request: Request) -> Answer:
    """Return the addresses of the lists."""
    return as_json(200, {name: request.url(f"{name}/") for name in _LISTS})


def all_routes() -> tuple[Route, ...]:
    """Return the API's routes; the first that matches is used."""
    return (
        *_upload_routes(),
        *_item_routes("reader-studies/display-sets/", items.display_sets(), 405),
        *_item_routes("archives/items/", items.archive_items(), 403),
        *_target_routes(),
        *_algorithm_routes(),
        *_image_routes(),
    )


def _upload_routes() -> tuple[Route, ...]:
    listed = ("upload-list", uploads.list_uploads)
    return (
        _route("uploads/", GET=listed, POST=("upload-create", uploads.create_upload)),
        replace(_route("uploads/*/", GET=("upload-get", uploads.get_upload)), delete=403),
        _route("uploads/*/*/generate-presigned-urls/", PATCH=("presign", uploads.presign)),
        _route("uploads/*/*/list-parts/", GET=("list-parts", uploads.list_parts)),
        _route("uploads/*/*/complete-multipart-upload/", PATCH=("complete", uploads.complete)),
        _route("uploads/*/*/abort-multipart-upload/", PATCH=("abort", uploads.abort)),
    )


def _item_routes(path: str, kind: items.Items, delete: int) -> tuple[Route, ...]:
    fill = ("item-fill", kind.fill)
    one = _route(f"{path}*/", GET=("item-get", kind.get), PATCH=fill, PUT=fill)
    create = ("item-create", kind.create)
    return (
        _route(path, GET=("item-list", kind.list_items), POST=create),
        replace(one, delete=delete),
    )


def _target_routes() -> tuple[Route, ...]:
    sockets = "components/interfaces/"
    own_profile = _route("profiles/users/self/", GET=("other", profiles.get_own_profile))
    readable = (
        _route(sockets, GET=("sockets", interfaces.list_interfaces)),
        _route(f"{sockets}*/", GET=("sockets", interfaces.get_interface)),
    )
    return (
        *(replace(route, open=False) for route in readable),
        _route("reader-studies/", GET=("target", targets.list_reader_studies)),
        *_answer_routes(),
        _route("reader-studies/*/", GET=("target", targets.get_reader_study)),
        _route("archives/", GET=("target", targets.list_archives)),
        _route("archives/*/", GET=("target", targets.get_archive)),
        replace(own_profile, open=False),
        _route("gcapi/", GET=("gcapi", _get_versions)),
        _route("", GET=("other", _get_root)),
    )


def _answer_routes() -> tuple[Route, ...]:
    path = "reader-studies/answers/"
    listed = ("answers", reader_answers.list_answers)
    change = ("answers", reader_answers.change_answer)
    one = _route(f"{path}*/", GET=("answers", reader_answers.get_answer), PATCH=change, PUT=change)
    asked = "reader-studies/questions/"
    truth = "reader-studies/*/ground-truth/*/"
    return (
        _route(path, GET=listed, POST=("answers", reader_answers.create_answer)),
        _route(f"{path}mine/", GET=("answers", reader_answers.list_own_answers)),
        replace(one, delete=403),
        _route(asked, GET=("answers", questions.list_questions)),
        _route(f"{asked}*/", GET=("answers", questions.get_question)),
        _route(truth, GET=("answers", reader_answers.find_ground_truth)),
    )


def _algorithm_routes() -> tuple[Route, ...]:
    listed = ("job-list", algorithm_jobs.list_jobs)
    one_job = _route("algorithms/jobs/*/", GET=("job-get", algorithm_jobs.get_job))
    return (
        _route("algorithms/", GET=("algorithm", algorithms.list_algorithms)),
        _route("algorithms/images/", GET=("algorithm", algorithms.list_algorithm_images)),
        _route("algorithms/jobs/", GET=listed, POST=("job-create", algorithm_jobs.create_job)),
        replace(one_job, delete=403, patch=403),
        _route("algorithms/*/", GET=("algorithm", algorithms.get_algorithm)),
    )


def _image_routes() -> tuple[Route, ...]:
    media = Route(
        re.compile(r"/media/((?:components|images)/.+)"), {"GET": ("download", images.get_media)}
    )
    one_session = _route("cases/upload-sessions/*/", GET=("session-get", sessions.get_session))
    one_image = _route("cases/images/*/", GET=("image-get", images.get_image))
    return (
        _route(
            "cases/upload-sessions/",
            GET=("sessions", sessions.list_sessions),
            POST=("session-create", sessions.create_session),
        ),
        replace(one_session, delete=403),
        _route("cases/images/", GET=("image-list", images.list_images)),
        replace(one_image, delete=403, patch=403),
        _route("cases/images/*/dicom/instances/", GET=("instances", dicom_sets.list_instances)),
        _route("cases/images/*/dicom/frames/", GET=("instances", dicom_sets.list_frames)),
        _route("notifications/", GET=("other", images.list_notifications)),
        media,
    )


def users(token: str, stranger: str) -> dict[str, int]:
    """Return the user of each of the two tokens."""
    return {token: USER, stranger: STRANGER}
