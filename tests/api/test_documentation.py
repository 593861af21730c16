"""The OpenAPI document, and requests generated from it against the app."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

OPERATION_IDS = {"createTask", "createApiKey", "listApiKeys", "revokeApiKey", "getCosts"}


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
        assert operation["security"] == [{"bearer": []}], (path, method)
        statuses = set(operation["responses"])
        assert statuses >= {"401", "403", "422", "503"}, (path, method)
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


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_generated_requests(app, admin, mode):
    """Every answer fits the document, whether the request does or not."""
    found = schemathesis.openapi.from_wsgi("/openapi.json", app).include(path_regex="api-keys")
    for result in found.get_all_operations():

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=result.ok().as_strategy(generation_mode=mode))
        def check(case):
            # An expiry in the past and a cursor of no list fit the schema, and are refused.
            excluded = [positive_data_acceptance]
            if any(place.value in ("header", "cookie") for place in case.meta.components):
                # Its fault may be a key or a header that is sent with a good value here.
                excluded.append(negative_data_rejection)
            case.call_and_validate(headers=admin, excluded_checks=excluded)

        check()
