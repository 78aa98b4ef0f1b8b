"""Tokens of OAuth 2.0 and OpenID Connect: asked for, kept until they are about to expire."""
