"""Authentication policies: written out, named, or kept in a secret ("Authentication" in the reference)."""

from __future__ import annotations

from types import MappingProxyType

from pgworker.dsl.reading import Piece, did_you_mean, listed
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.oauth import read_oauth
from pgworker.dsl.v1_0.shapes import check_texts, only_one
from pgworker.errors import Rule
from pgworker.expressions.templates import Literal, Members, Template

_MEMBERS = {
    "basic": ("username", "password"),
    "bearer": ("token",),
    "digest": ("username", "password"),
}
_SCHEMES = (*_MEMBERS, "oauth2", "oidc")


def read_authentication(piece: Piece, names: Names) -> Template | None:
    """The policy of an endpoint or a call: ``{scheme: {...}}``, in which a secret is only named.

    A secret that the document does not declare is marked as such: using it fails the task.
    """
    if piece.object() is None:
        return None
    piece.allow({"use", *_SCHEMES}, "an authentication")
    which = only_one(piece, ("use", *_SCHEMES), "an authentication")
    if which is None:
        return None
    if which == "use":
        return _named(piece.member("use"), names)
    return _read_scheme(piece.member(which), which, names)


def read_authentications(use: Piece, names: Names) -> MappingProxyType[str, Template | None]:
    """The policies under ``use.authentications`` by name; None for one in which something was reported."""
    piece = use.member("authentications")
    if not use.has("authentications") or piece.object() is None:
        return MappingProxyType({})
    return MappingProxyType({name: _read_policy(piece.member(name), names) for name in piece.object() or {}})


def _read_policy(piece: Piece, names: Names) -> Template | None:
    """A reusable policy; the schema allows further members beside the scheme."""
    which = None if piece.object() is None else only_one(piece, _SCHEMES, "an authentication")
    return None if which is None else _read_scheme(piece.member(which), which, names)


def _named(piece: Piece, names: Names) -> Template | None:
    name = _name(piece)
    if name is None:
        return None
    if name not in names.authentications:
        known = names.authentications
        piece.report(
            f"no authentication is named `{name}`",
            expected="one of " + listed(known) if known else None,
            hint=did_you_mean(name, known) or "define it under `use.authentications`",
            rule=Rule.NAME,
        )
        return None
    return names.authentications[name]


def _name(piece: Piece) -> str | None:
    name = piece.text()
    if name == "":
        piece.report("the name is empty", expected="a name")
        return None
    return name


def _read_scheme(piece: Piece, scheme: str, names: Names) -> Template | None:
    if piece.object() is None:
        return None
    if piece.has("use"):
        piece.allow({"use"}, "a policy that is kept in a secret")
        template = _secret(piece.member("use"), names.secrets)
    elif scheme in _MEMBERS:
        template = _read_credentials(piece, _MEMBERS[scheme], names.variables)
    else:
        template = read_oauth(piece, names.variables, has_endpoints=scheme == "oauth2")
    return None if template is None else Members(((scheme, template),))


def _read_credentials(piece: Piece, members: tuple[str, ...], variables: frozenset[str]) -> Template | None:
    before = len(piece.problems)
    piece.allow(members, "the policy")
    if piece.require(members, "the policy"):
        check_texts(piece, members)
    template = read_template(piece, variables)
    return template if len(piece.problems) == before else None


def _secret(piece: Piece, secrets: frozenset[str]) -> Template | None:
    name = _name(piece)
    if name is None:
        return None
    return Literal({"use": name} if name in secrets else {"use": name, "declared": False})
