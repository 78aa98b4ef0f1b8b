"""What others built on the schema and whom they let in, of which a migration takes nothing away."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, LiteralString, Self

import psycopg

from pgworker.errors import StoreRefused

_MADE = re.compile(r"^create (?:or replace )?(function|view|trigger) (\w+)", re.MULTILINE)

_DEPENDANTS: LiteralString = """
    with schema as (
        select quote_ident(current_schema())::regnamespace::oid as oid
    ), theirs as (
        select 'pg_namespace'::regclass::oid as classid, s.oid as objid from schema s
        union all select 'pg_class'::regclass, c.oid from schema s join pg_class c on c.relnamespace = s.oid
        union all select 'pg_proc'::regclass, p.oid from schema s join pg_proc p on p.pronamespace = s.oid
        union all select 'pg_type'::regclass, t.oid from schema s join pg_type t on t.typnamespace = s.oid
    ), dependants as (
        -- a view depends by its rule
        select distinct case when r.oid is null then d.classid else 'pg_class'::regclass end as classid,
               coalesce(r.ev_class, d.objid) as objid
        from theirs join pg_depend d on (d.refclassid, d.refobjid) = (theirs.classid, theirs.objid)
        left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
        where d.deptype in ('n', 'a')
    )
    select pg_describe_object(d.classid, d.objid, 0)
    from schema s, dependants d
    left join pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid
    left join pg_proc p on d.classid = 'pg_proc'::regclass and p.oid = d.objid
    left join pg_trigger t on d.classid = 'pg_trigger'::regclass and t.oid = d.objid
    left join pg_attrdef a on d.classid = 'pg_attrdef'::regclass and a.oid = d.objid
    left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid
    left join pg_type y on d.classid = 'pg_type'::regclass and y.oid = d.objid
    left join pg_class of on of.oid = coalesce(a.adrelid, k.conrelid)
    cross join lateral (
        select exists (
            select from pg_depend f join pg_proc q on q.oid = f.refobjid
            where f.classid = d.classid and f.objid = d.objid and f.refclassid = 'pg_proc'::regclass
              and q.pronamespace = s.oid) as a_function) calls
    where case
        when c.oid is not null then
            c.relnamespace <> s.oid or (c.relkind in ('v', 'm') and c.relname <> all (%(view)s))
            or (c.relkind = 'i' and calls.a_function)
        when p.oid is not null then p.pronamespace <> s.oid or p.proname <> all (%(function)s)
        when t.oid is not null then not t.tgisinternal and t.tgname <> all (%(trigger)s)
        else coalesce(of.relnamespace, y.typnamespace, 0) <> s.oid
            or calls.a_function  -- what the engine's own tables have does not
    end
"""

_GRANTS: LiteralString = """
    with schema as (
        select quote_ident(current_schema())::regnamespace::oid as oid
    ), granted as (
        select 'table ' || c.oid::regclass as object, '' as of, c.relowner as owner, acl.*
        from schema s join pg_class c on c.relnamespace = s.oid, aclexplode(c.relacl) acl
        union all
        select 'table ' || c.oid::regclass, format(' (%I)', a.attname), c.relowner, acl.*
        from schema s join pg_class c on c.relnamespace = s.oid join pg_attribute a on a.attrelid = c.oid,
             aclexplode(a.attacl) acl
        where not a.attisdropped
        union all
        select 'function ' || p.oid::regprocedure, '', p.proowner, acl.*
        from schema s join pg_proc p on p.pronamespace = s.oid, aclexplode(p.proacl) acl
    )
    select g.object, format('grant %s%s on %s to %I', g.privilege_type, g.of, g.object, r.rolname)
           || case when g.is_grantable then ' with grant option' else '' end
    from granted g join pg_roles r on r.oid = g.grantee
    where g.grantee <> g.owner and r.rolname <> all ('{pgworker_worker,pgworker_client,pgworker_reader}')
"""

_EXISTS: LiteralString = """
    select case when starts_with(%(object)s, 'function ')
        then to_regprocedure(substr(%(object)s, length('function ') + 1)) is not null
        else to_regclass(substr(%(object)s, length('table ') + 1)) is not null
    end
"""


@dataclass(frozen=True, slots=True)
class Bystanders:
    """Others' objects that depend on the schema's or are in it, and grants to others' roles."""

    dependants: frozenset[str]
    grants: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, connection: psycopg.Connection[Any], made: str) -> Self:
        """Those of the current schema, whose code was made by the script ``made``."""
        ours: defaultdict[str, list[str]] = defaultdict(list)
        for kind, name in _MADE.findall(made):
            ours[kind].append(name)
        dependants = connection.execute(
            _DEPENDANTS, {kind: ours[kind] for kind in ("function", "view", "trigger")}
        )
        return cls(
            frozenset(description for (description,) in dependants),
            frozenset(connection.execute(_GRANTS).fetchall()),
        )

    def keep(self, connection: psycopg.Connection[Any], made: str) -> None:
        """Grants anew what went with replaced objects; raises ``StoreRefused`` if others' objects did."""
        now = self.of(connection, made)
        if gone := sorted(self.dependants - now.dependants):
            raise StoreRefused(
                f"nothing was migrated, for this depends on what is replaced: {', '.join(gone)}",
                hint="Drop it, migrate, and create it again.",
            )
        for thing, grant in sorted(self.grants - now.grants):
            (exists,) = connection.execute(_EXISTS, {"object": thing}).fetchone() or (False,)
            if exists:
                connection.execute(grant.encode())
