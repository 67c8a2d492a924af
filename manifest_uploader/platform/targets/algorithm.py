"""Algorithms, whose items are jobs: started with all their inputs, and never changed."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform import refusals
from manifest_uploader.platform.items import read_job
from manifest_uploader.platform.model import Interface, ItemSeen, Target
from manifest_uploader.platform.requests import Address, Call
from manifest_uploader.platform.targets.base import TargetType


class Algorithm(TargetType):
    """An algorithm."""

    kind = TargetKind.ALGORITHM
    noun = "algorithm"
    item_noun = "job"
    path = "algorithms/"
    items_path = "algorithms/jobs/"
    field = "algorithm"
    page = "algorithms/{slug}/"
    item_page = "jobs/"
    values_field = "inputs"
    right = "run"
    who_may = "ask one of its editors to make you one of its users; nothing was sent"
    has_jobs = True
    has_outputs = True
    created_with_values = True

    def owner(self, target: Target) -> Json:
        """Jobs name their algorithm by its API address."""
        return Address("algorithms", target.pk)

    def read_target(self, answer: Json) -> Target | None:
        """The algorithm in an entry of the list, with the inputs that it takes."""
        found = super().read_target(answer)
        if found is None or not isinstance(answer, dict):
            return None
        listed = answer.get("interfaces")
        interfaces = [_interface(one) for one in listed] if isinstance(listed, list) else []
        known = tuple(one for one in interfaces if one is not None)
        return replace(found, interfaces=known)

    def probe(self, target: Target) -> Call | None:
        """A job without inputs, which is never started; None if the algorithm takes no inputs."""
        if any(not one.inputs for one in target.interfaces):
            return None
        return Call("POST", self.items_path, {self.field: self.owner(target), "inputs": []})

    def may_edit(self, refusal: Json) -> bool:
        """Whether the probe was refused for another reason than that this user may not run it."""
        if not isinstance(refusal, dict):
            return False
        return self.field not in refusal and "non_field_errors" in refusal

    def refuses_for_now(self, refusal: Json) -> str | None:
        """Why no job can be started now; too many active ones are none, because they end."""
        if refusals.is_out_of_credits(refusal) or refusals.is_not_ready(refusal):
            return "; ".join(refusals.sentences_of(refusal))
        return None

    def create(
        self,
        target: Target,
        *,
        title: str,  # noqa: ARG002 - jobs have none
        order: int | None,  # noqa: ARG002 - jobs have none
        values: tuple[Json, ...] = (),
    ) -> Call:
        """The request that starts a job."""
        body = {self.field: self.owner(target), self.values_field: list(values)}
        return Call("POST", self.items_path, body)

    def list_query(self, target: Target) -> dict[str, str | int]:
        """The query that lists the algorithm's jobs, those of others included."""
        return {"algorithm_image__algorithm": target.pk}

    def images_query(self, target: Target) -> dict[str, str | int] | None:  # noqa: ARG002
        """None: images can be listed by job, but not by algorithm."""
        return None

    def read_item(self, answer: Json) -> ItemSeen | None:
        """The job in an answer; None if the answer is not a job."""
        return read_job(answer)


def _interface(listed: Json) -> Interface | None:
    if not isinstance(listed, dict):
        return None
    return Interface(_slugs(listed.get("inputs")), _slugs(listed.get("outputs")))


def _slugs(listed: Json) -> tuple[str, ...]:
    sockets = [one.get("slug") for one in listed if isinstance(one, dict)] if listed else []
    return tuple(slug for slug in sockets if isinstance(slug, str))


TYPE: Final = Algorithm()
