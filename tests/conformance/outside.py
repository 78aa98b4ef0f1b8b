"""The outside world of the conformance kit: the two hosts that its scenarios call, on loopback."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support.hosts import hosted

PETSTORE = "petstore.swagger.io"
HTTPBIN = "httpbin.org"

PETS = [
    {"id": 1, "name": "Milou", "status": "available", "photoUrls": []},
    {"id": 2, "name": "Idefix", "status": "available", "photoUrls": []},
    {"id": 3, "name": "Rantanplan", "status": "sold", "photoUrls": []},
]
SWAGGER = {
    "swagger": "2.0",
    "info": {"title": "Pets", "version": "1.0.0"},
    "host": PETSTORE,
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
                        "items": {"type": "string", "enum": ["available", "pending", "sold"]},
                        "collectionFormat": "multi",
                    }
                ],
                "responses": {"200": {"description": "the pets of that status"}},
            }
        },
        "/pet/{petId}": {
            "get": {
                "operationId": "getPetById",
                "produces": ["application/json"],
                "parameters": [
                    {"name": "petId", "in": "path", "required": True, "type": "integer", "format": "int64"}
                ],
                "responses": {"200": {"description": "the pet"}, "404": {"description": "there is none"}},
            }
        },
    },
}


class Outside:
    """Serves both hosts, and remembers what was asked of them."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.settings: Mapping[str, Any] = {}
        """The settings of a worker that takes this for the outside world."""

    @asynccontextmanager
    async def open(self, folder: Path) -> AsyncIterator[Outside]:
        async with hosted(self._application(), folder, [PETSTORE, HTTPBIN]) as settings:
            self.settings = settings
            yield self

    def _application(self) -> web.Application:
        @web.middleware
        async def noting(request: web.Request, handler: web.Handler) -> web.StreamResponse:
            self.asked.append(f"{request.method} {request.host}{request.path_qs}")
            return await handler(request)

        application = web.Application(middlewares=[noting])
        application.router.add_get("/v2/swagger.json", _swagger)
        application.router.add_get("/v2/pet/findByStatus", _find_pets)
        application.router.add_get("/v2/pet/{id:[0-9]+}", _get_pet)
        application.router.add_get("/basic-auth/{user}/{password}", _basic_auth)
        return application


def _belongs_to(host: str, request: web.Request) -> None:
    if request.host != host:
        raise web.HTTPNotFound


async def _swagger(request: web.Request) -> web.Response:
    _belongs_to(PETSTORE, request)
    return web.json_response(SWAGGER)


async def _find_pets(request: web.Request) -> web.Response:
    _belongs_to(PETSTORE, request)
    wanted = request.query.getall("status", [])
    return web.json_response([pet for pet in PETS if pet["status"] in wanted])


async def _get_pet(request: web.Request) -> web.Response:
    _belongs_to(PETSTORE, request)
    found = [pet for pet in PETS if pet["id"] == int(request.match_info["id"])]
    if not found:
        return web.json_response({"code": 1, "type": "error", "message": "Pet not found"}, status=404)
    return web.json_response(found[0])


async def _basic_auth(request: web.Request) -> web.Response:
    _belongs_to(HTTPBIN, request)
    user = request.match_info["user"]
    credentials = b64encode(f"{user}:{request.match_info['password']}".encode()).decode()
    if request.headers.get("Authorization") != f"Basic {credentials}":
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="Fake Realm"'})
    return web.json_response({"authenticated": True, "user": user})
