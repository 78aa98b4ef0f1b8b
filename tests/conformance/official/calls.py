"""Examples that call services: over HTTP, by an OpenAPI document, by a function, with authentication."""

from __future__ import annotations

from pgworker.types import JsonObject, JsonValue
from tests.conformance.official.case import (
    Case,
    Completes,
    fails,
    form,
    get,
    moved,
    refuses,
    says,
)

PET = "https://petstore.swagger.io/v2/pet"
PEOPLE = "https://swapi.dev/api/people"
SWAGGER = "https://petstore.swagger.io/v2/swagger.json"
FIND = f"{PET}/findByStatus?status=available"
LOG = "https://raw.githubusercontent.com/serverlessworkflow/catalog/main/functions/log/1.0.0/function.yaml"

MILOU: JsonObject = {"id": 1, "name": "Milou", "status": "available"}
FOUND: list[JsonValue] = [MILOU, {"id": 2, "name": "Idefix", "status": "available"}]
LUKE: JsonObject = {"count": 1, "results": [{"name": "Luke Skywalker"}]}
TATOOINE: JsonObject = {"name": "Tatooine"}

SWAGGER_DOCUMENT: JsonObject = {
    "swagger": "2.0",
    "info": {"title": "Pets", "version": "1.0.0"},
    "host": "petstore.swagger.io",
    "basePath": "/v2",
    "schemes": ["https"],
    "paths": {
        "/pet/findByStatus": {
            "get": {
                "operationId": "findPetsByStatus",
                "produces": ["application/json"],
                "parameters": [
                    {
                        "name": "status",
                        "in": "query",
                        "required": True,
                        "type": "array",
                        "items": {"type": "string"},
                        "collectionFormat": "multi",
                    }
                ],
                "responses": {"200": {"description": "the pets of that status"}},
            }
        }
    },
}

LOG_FUNCTION = """
input:
  schema:
    document:
      type: object
      required: [message, level, timestamp, format]
output:
  schema:
    document:
      type: object
      required: [logged]
set:
  logged: ${ "[" + .level + "] " + .message }
"""

AUTHENTICATION = [
    Case(
        example=example,
        what="the token of the input goes along",
        input={"petId": 1, "token": "first-token"},
        answers={f"GET {PET}/1": says(MILOU)},
        asked=[get(f"{PET}/1", Authorization="Bearer first-token")],
        ends=Completes(MILOU),
    )
    for example in ("authentication-bearer", "authentication-bearer-uri-format", "authentication-reusable")
] + [
    Case(
        example="authentication-bearer",
        what="a token that is refused fails the call with its status",
        input={"token": "first-token"},
        answers={f"GET {PET}/1": refuses(401)},
        asked=[get(f"{PET}/1")],
        ends=fails("communication", 401, "/do/0/getPet"),
    ),
]

REALM = "http://keycloak/realms/fake-authority"
CLIENT: JsonObject = {"id": "workflow-runtime-id", "secret": "workflow-runtime-secret"}
ASKS = {
    "grant_type": "client_credentials",
    "client_id": "workflow-runtime-id",
    "client_secret": "workflow-runtime-secret",
}
# it has expired as it comes, so that the next case has to ask for one, too
GRANTED = says({"access_token": "granted-token", "token_type": "Bearer", "expires_in": 0})
DISCOVERY = f"{REALM}/.well-known/openid-configuration"
CONFIGURATION = says({"issuer": REALM, "token_endpoint": f"{REALM}/protocol/openid-connect/token"})
WITH_SECRETS: list[tuple[str, JsonObject]] = [
    ("authentication-oauth2", {}),
    ("authentication-oauth2-secret", {"endpoints": {"token": "/auth/token"}}),
    ("authentication-oidc", {}),
    ("authentication-oidc-secret", {}),
]


def _token_uri(example: str) -> str:
    return f"{REALM}/protocol/openid-connect/token" if "oidc" in example else f"{REALM}/auth/token"


TOKENS = [
    case
    for example, more in WITH_SECRETS
    for discovering in [[get(DISCOVERY)] if "oidc" in example else []]
    for secret in [{"authority": REALM, "grant": "client_credentials", "client": CLIENT, **more}]
    for case in (
        Case(
            example=example,
            what="a token is asked for and goes along",
            input={"petId": 1},
            secrets={"mySecret": secret},
            answers={
                f"GET {DISCOVERY}": CONFIGURATION,
                f"POST {_token_uri(example)}": GRANTED,
                f"GET {PET}/1": says(MILOU),
            },
            asked=[
                *discovering,
                form(_token_uri(example), **ASKS),
                get(f"{PET}/1", Authorization="Bearer granted-token"),
            ],
            ends=Completes(MILOU),
        ),
        Case(
            example=example,
            what="a client that is refused fails the call",
            input={"petId": 1},
            secrets={"mySecret": secret},
            answers={f"GET {DISCOVERY}": CONFIGURATION, f"POST {_token_uri(example)}": refuses(401)},
            asked=[*discovering, form(_token_uri(example), **ASKS)],
            ends=fails("authentication", 401, "/do/0/getPet"),
        ),
    )
]

FUNCTIONS = [
    Case(
        example="call-custom-function-cataloged",
        what="the function is fetched from its catalog and runs on the arguments",
        answers={f"GET {LOG}": says(LOG_FUNCTION)},
        resources=[LOG],
        ends=Completes({"logged": "[information] Hello, world!"}),
    ),
    Case(
        example="call-custom-function-inline",
        what="the function runs on the arguments, and not on the input",
        input={"petId": 7},
        answers={f"GET {PET}/69": says(MILOU)},
        asked=[get(f"{PET}/69")],
        ends=Completes(MILOU),
    ),
]

HTTP = [
    Case(
        example="call-http-endpoint-interpolation-shorthand",
        what="the template takes what the input says",
        input={"petId": 1},
        answers={f"GET {PET}/1": says(MILOU)},
        asked=[get(f"{PET}/1")],
        ends=Completes(MILOU),
    ),
    Case(
        example="call-http-endpoint-interpolation-shorthand",
        what="what the input does not say is empty",
        answers={f"GET {PET}/": refuses(405)},
        asked=[get(f"{PET}/")],
        ends=fails("communication", 405, "/do/0/getPet"),
    ),
    Case(
        example="call-http-endpoint-interpolation",
        what="the expression makes the address, and the header goes along",
        input={"petId": 1},
        answers={f"GET {PET}/1": says(MILOU)},
        asked=[get(f"{PET}/1", content_type="application/json")],
        ends=Completes(MILOU),
    ),
    Case(
        example="call-http-query-headers-expressions",
        what="headers and query are what the expressions say",
        input={"searchQuery": "luke"},
        answers={f"GET {PEOPLE}/?search=luke": says(LUKE)},
        asked=[get(f"{PEOPLE}/?search=luke", Accept="application/json")],
        ends=Completes(LUKE),
    ),
    Case(
        example="call-http-query-headers-expressions",
        what="an input that the schema refuses stops it before the first task",
        input={"searchQuery": 7},
        ends=fails("validation", 400),
    ),
    Case(
        example="call-http-query-parameters",
        what="the query is what the input says",
        input={"searchQuery": "luke"},
        answers={f"GET {PEOPLE}/?search=luke": says(LUKE)},
        asked=[get(f"{PEOPLE}/?search=luke")],
        ends=Completes(LUKE),
    ),
    Case(
        example="call-http-query-parameters",
        what="a redirect is an error",
        input={"searchQuery": "luke"},
        answers={f"GET {PEOPLE}/?search=luke": moved(f"{PEOPLE}/1")},
        asked=[get(f"{PEOPLE}/?search=luke")],
        ends=fails("communication", 302, "/do/0/searchStarWarsCharacters"),
    ),
    Case(
        example="call-http-query-parameters",
        what="an input without what the schema requires stops it before the first task",
        ends=fails("validation", 400),
    ),
    Case(
        example="call-http-redirect",
        what="a redirect is followed",
        input={"searchQuery": "luke"},
        answers={
            f"GET {PEOPLE}/?search=luke": moved(f"{PEOPLE}/1"),
            f"GET {PEOPLE}/1": says(LUKE),
        },
        asked=[get(f"{PEOPLE}/?search=luke"), get(f"{PEOPLE}/1")],
        ends=Completes(LUKE),
    ),
    Case(
        example="star-wars-homeworld",
        what="the context leads from the first call to the second",
        input={"id": 1},
        answers={
            f"GET {PEOPLE}/1": says({"name": "Luke", "homeworld": "https://swapi.dev/api/planets/1/"}),
            "GET https://swapi.dev/api/planets/1/": says(TATOOINE),
        },
        asked=[get(f"{PEOPLE}/1"), get("https://swapi.dev/api/planets/1/")],
        ends=Completes(TATOOINE),
    ),
    Case(
        example="star-wars-homeworld",
        what="an id below the minimum of the schema stops it before the first task",
        input={"id": 0},
        ends=fails("validation", 400),
    ),
]

OPENAPI = [
    Case(
        example="call-openapi",
        what="the operation of the document is called",
        answers={f"GET {SWAGGER}": says(SWAGGER_DOCUMENT), f"GET {FIND}": says(FOUND)},
        resources=[SWAGGER],
        asked=[get(FIND)],
        ends=Completes(FOUND),
    ),
    Case(
        example="call-openapi",
        what="a redirect is an error",
        answers={f"GET {SWAGGER}": says(SWAGGER_DOCUMENT), f"GET {FIND}": moved(f"{PET}/1")},
        resources=[SWAGGER],
        asked=[get(FIND)],
        ends=fails("communication", 302, "/do/0/findPet"),
    ),
    Case(
        example="call-openapi-redirect",
        what="a redirect is followed",
        answers={
            f"GET {SWAGGER}": says(SWAGGER_DOCUMENT),
            f"GET {FIND}": moved(f"{PET}/1"),
            f"GET {PET}/1": says(MILOU),
        },
        resources=[SWAGGER],
        asked=[get(FIND), get(f"{PET}/1")],
        ends=Completes(MILOU),
    ),
]

CASES = [*AUTHENTICATION, *TOKENS, *FUNCTIONS, *HTTP, *OPENAPI]
