"""The OpenAPI document: what it names, and what it holds the SDKs to."""

import json

import pytest

from tests.vectors import write_sdk_fields

OPERATION_IDS = {
    "createTask",
    "createApiKey",
    "listApiKeys",
    "revokeApiKey",
    "getCosts",
    "getApiKey",
    "changeApiKey",
    "rotateApiKey",
}


@pytest.fixture(scope="module")
def document(app):
    return app.test_client().get("/openapi.json").json


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_every_operation_is_complete(document):
    found = list(operations(document))
    ids = [operation["operationId"] for _, _, operation in found]
    assert len(ids) == len(set(ids))
    assert set(ids) >= OPERATION_IDS
    for path, method, operation in found:
        assert operation["summary"], (path, method)
        assert operation["tags"], (path, method)
        assert operation["security"] == [{"bearer": []}, {"session": []}], (path, method)
        statuses = set(operation["responses"])
        assert statuses >= {"401", "403", "422", "429", "503"}, (path, method)
        assert any(status.startswith("2") for status in statuses), (path, method)
        if "requestBody" in operation:
            assert statuses >= {"400", "413", "415"}, (path, method)
        if "{" in path:
            assert "404" in statuses, (path, method)


def test_every_reference_leads_somewhere(document):
    def references(value):
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    for reference in references(document):
        kind, name = reference.removeprefix("#/components/").split("/")
        assert name in document["components"][kind], reference


def test_idempotency_is_documented(document):
    parameters = document["paths"]["/v1/api-keys"]["post"]["parameters"]
    assert [one["name"] for one in parameters] == ["Idempotency-Key"]
    assert "x-idempotent" not in str(document)


def test_what_the_sdks_are_held_to_is_what_is_answered(document):
    assert json.loads(write_sdk_fields.FILE.read_text()) == write_sdk_fields.fields(document)


def test_who_acts_may_be_a_person(document):
    told = [
        (name, field["description"])
        for schema in document["components"]["schemas"].values()
        for name, field in schema.get("properties", {}).items()
        if name in ("requested_by", "decided_by", "changed_by")
    ]
    assert {name for name, _ in told} == {"requested_by", "decided_by", "changed_by"}
    assert all("`usr_…`" in words and "JWT" in words for _, words in told)
