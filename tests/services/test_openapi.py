"""The OpenAPI document says what the service does."""

import json
import re


def test_the_openapi_document_lists_the_real_fields_and_its_example_works(http, package):
    document = http.get("/openapi.json").json()
    operation = document["paths"]["/api/predict"]["post"]
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schemas = document["components"]["schemas"]
    application = schemas[reference.rsplit("/", 1)[1]]
    features = schemas[application["properties"]["features"]["$ref"].rsplit("/", 1)[1]]
    assert list(features["properties"]) == list(package.schema.fields)
    assert features["properties"]["duration"]["maximum"] == 72
    assert http.post("/api/predict", json=application["example"]).status_code == 200
    assert {"200", "400", "401", "403", "409", "413", "415", "422", "429", "503"} == set(
        operation["responses"]
    )
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert references <= set(schemas)
    assert document["info"]["version"] == package.digest[:12]
