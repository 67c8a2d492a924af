"""A keyword that lets nothing through is told of."""

from msgspec.structs import replace

from manifest_uploader.manifest.model import Identifiable
from manifest_uploader.manifest.problems import Place, Problem
from manifest_uploader.plan.identifiable import idle_keywords
from tests.helpers import manifest

LOOKED_FOR = {"PatientName", "PatientID", "PatientBirthDate"}
PLACE = Place("lung.yaml", 4, 15)


def listing(*keywords: str):
    allowed = Identifiable(keywords=frozenset(keywords))
    return replace(manifest(), identifiable=allowed, identifiable_place=PLACE)


def test_keywords_that_are_looked_for_are_no_problem():
    assert idle_keywords(listing("PatientID", "PatientName"), LOOKED_FOR) == ()
    assert idle_keywords(manifest(), LOOKED_FOR) == ()


def test_a_keyword_that_is_never_held_back_is_a_problem():
    found = idle_keywords(listing("PatientID", "SliceThickness", "PatientBirthTime"), LOOKED_FOR)

    assert found == (
        Problem(
            "identifiable lists 'PatientBirthTime', which is never held back",
            PLACE,
            "did you mean 'PatientBirthDate'?",
        ),
        Problem(
            "identifiable lists 'SliceThickness', which is never held back", PLACE, "leave it out"
        ),
    )
