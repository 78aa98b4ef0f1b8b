"""``call: openapi``: an operation of an OpenAPI document, turned into an HTTP request."""
