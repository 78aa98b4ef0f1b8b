"""A pet shop as Swagger 2.0 and as OpenAPI 3.1 describe it."""

from __future__ import annotations

from typing import Any

SWAGGER: dict[str, Any] = {
    "swagger": "2.0",
    "basePath": "/v2",
    "consumes": ["application/json"],
    "produces": ["application/xml", "application/json"],
    "paths": {
        "/pets/{petId}": {
            "parameters": [{"$ref": "#/parameters/petId"}],
            "get": {
                "operationId": "getPet",
                "parameters": [
                    {"name": "tags", "in": "query", "type": "array"},
                    {"name": "both", "in": "query", "type": "array", "collectionFormat": "multi"},
                    {"name": "piped", "in": "query", "type": "array", "collectionFormat": "pipes"},
                    {"name": "X-Trace", "in": "header", "type": "string"},
                ],
            },
            "put": {
                "operationId": "putPet",
                "parameters": [{"name": "pet", "in": "body", "required": True, "schema": {"type": "object"}}],
            },
            "post": {
                "operationId": "postForm",
                "consumes": ["application/x-www-form-urlencoded"],
                "parameters": [
                    {"name": "name", "in": "formData", "type": "string", "required": True},
                    {"name": "tags", "in": "formData", "type": "array", "collectionFormat": "multi"},
                ],
            },
            "patch": {
                "operationId": "upload",
                "parameters": [
                    {"name": "note", "in": "formData", "type": "string"},
                    {"name": "file", "in": "formData", "type": "file"},
                ],
            },
        }
    },
    "parameters": {"petId": {"name": "petId", "in": "path", "required": True, "type": "integer"}},
}

OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "servers": [{"url": "/{version}/api/", "variables": {"version": {"default": "v3"}}}],
    "paths": {
        "/pets/{petId}": {
            "parameters": [{"name": "petId", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {
                "operationId": "getPet",
                "parameters": [
                    {"name": "tags", "in": "query", "schema": {"type": "array"}},
                    {"name": "csv", "in": "query", "explode": False, "schema": {"type": "array"}},
                    {"name": "filter", "in": "query", "style": "deepObject", "explode": True},
                    {"name": "json", "in": "query", "content": {"application/json": {}}},
                    {"name": "X-Trace", "in": "header", "schema": {}},
                    {"name": "Authorization", "in": "header", "required": True, "schema": {}},
                    {"$ref": "#/components/parameters/session"},
                    {"name": "color", "in": "cookie", "schema": {}},
                ],
                "responses": {
                    "200": {"$ref": "#/components/responses/Pet"},
                    "404": {"content": {"text/x": {}}},
                },
            },
            "put": {"operationId": "putPet", "requestBody": {"$ref": "#/components/requestBodies/Pet"}},
            "post": {
                "operationId": "postForm",
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {
                                "properties": {
                                    "name": {},
                                    "tags": {"type": "array"},
                                    "more": {"type": "object"},
                                },
                                "required": ["name"],
                            },
                        }
                    }
                },
            },
            "patch": {
                "operationId": "upload",
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": {
                                "properties": {
                                    "note": {},
                                    "file": {"type": "string", "format": "binary"},
                                    "o": {},
                                }
                            }
                        }
                    }
                },
            },
            "trace": {"operationId": "anything", "requestBody": {"content": {"*/*": {}}}},
            "delete": {"operationId": "text", "requestBody": {"content": {"application/xml": {}}}},
        }
    },
    "components": {
        "parameters": {"session": {"name": "session", "in": "cookie", "schema": {}}},
        "responses": {"Pet": {"content": {"application/xml": {}, "application/hal+json": {}}}},
        "requestBodies": {
            "Pet": {
                "required": True,
                "content": {
                    "application/xml": {},
                    "application/json": {"schema": {"$ref": "#/components/schemas/Pet"}},
                },
            }
        },
        "schemas": {
            "Pet": {
                "type": "object",
                "required": ["id", "name"],
                "properties": {
                    "id": {"readOnly": True},
                    "name": {"type": "string"},
                    "tag": {"type": "string"},
                },
            }
        },
    },
}
