"""Judges the form of a manifest by its published JSON Schema, and by nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping as AnyMapping
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator

from manifest_uploader.digests import Json
from manifest_uploader.manifest.explain import as_explainable, explain
from manifest_uploader.manifest.formats import FORMATS
from manifest_uploader.manifest.nodes import Node
from manifest_uploader.manifest.problems import Problems
from manifest_uploader.manifest.schema import schema_text
from manifest_uploader.manifest.wording import Path


@cache
def published_form() -> Form:
    """Return the form that the published schema describes."""
    return Form(json.loads(schema_text()))


class Form:
    """A manifest's schema in parts, for a document that is read case by case."""

    def __init__(self, schema: Any) -> None:
        self._definitions = schema["$defs"]
        self._by_target = [rule for rule in schema["allOf"] if _is_about_target(rule)]
        properties = schema["properties"]
        alone = {key: value for key, value in schema.items() if key not in ("$id", "allOf")}
        self.entry = self._rules(alone)
        """A document with only some of its keys, whatever its cases are."""
        self.document = self._rules(
            {
                "properties": {**dict.fromkeys(properties, True), "cases": properties["cases"]},
                "allOf": [
                    rule
                    for rule in schema["allOf"]
                    if not _is_about_target(rule) and not _is_about_cases(rule)
                ],
            }
        )
        """What only the whole document shows."""
        self.case = self._rules({"$ref": "#/$defs/case"})
        """One case, whatever its target is."""
        self.exception = self._rules({"$ref": "#/$defs/exception"})
        """What is different for one case of many."""
        self.keys_by_target = frozenset(
            key for rule in self._by_target for key in _rules_for_cases(rule)["properties"]
        )
        """The keys of a case that the rules of some target are about."""

    def for_target(self, target: Json) -> Rules | None:
        """Return the further rules for the cases of a target; None if there are none."""
        document = {"target": target}
        found = [
            _rules_for_cases(rule)
            for rule in self._by_target
            if Draft202012Validator(rule["if"]).is_valid(document)
        ]
        return self._rules({"allOf": found}) if found else None

    def _rules(self, schema: AnyMapping[str, Any]) -> Rules:
        return Rules({**schema, "$defs": self._definitions})


def _is_about_target(rule: Any) -> bool:
    return "target" in rule.get("if", {}).get("required", ())


def _is_about_cases(rule: Any) -> bool:
    return "cases" in rule.get("then", {}).get("properties", {})


def _rules_for_cases(rule: Any) -> Any:
    return rule["then"]["properties"]["cases"]["items"]


class Rules:
    """A compiled part of the schema."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._validator = Draft202012Validator(schema, formats=FORMATS, validate_formats=True)

    def broken(self, node: Node, data: Json, problems: Problems) -> frozenset[Path]:
        """Report each broken rule, and return the paths of the values and keys that break one.

        `data` is the node as JSON.
        """
        try:
            if self._validator.is_valid(data):
                return frozenset()
        except UnicodeEncodeError:
            pass  # the validator takes no lone surrogates, and no rule allows them
        errors = self._validator.iter_errors(as_explainable(data))
        return explain(errors, self._schema, node, problems)
