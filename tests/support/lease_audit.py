"""An audit of leases: a database that has it remembers every lease of every activity.

A job goes with its result, and with it the token that the result had to carry.
"""

from __future__ import annotations

import psycopg

_AUDIT = """
create schema audit;
create table audit.leases (
    id          bigint generated always as identity primary key,
    workflow_id uuid not null,
    seq         bigint not null,
    token       uuid not null,
    attempt     integer not null
);
create function audit.note_lease() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' or new.lease_token is distinct from old.lease_token then
        insert into audit.leases (workflow_id, seq, token, attempt)
        values (new.workflow_id, new.seq, new.lease_token, new.attempt);
    end if;
    return null;
end
$$;
create trigger note_lease after insert or update on pgworker.jobs
    for each row when (new.lease_token is not null) execute function audit.note_lease();
"""

_STALE = """
select r.workflow_id, r.seq, r.data ->> 'token', r.data ->> 'attempt', l.token, l.attempt
from events r
left join lateral (select a.token, a.attempt from audit.leases a
                   where a.workflow_id = r.workflow_id and a.seq = (r.data ->> 'start')::bigint
                   order by a.id desc limit 1) l on true
where r.data ? 'token'
  and (r.data ->> 'token' is distinct from l.token::text
       or r.data ->> 'attempt' is distinct from l.attempt::text)
"""


def audit_leases(connection: psycopg.Connection) -> None:
    """Has a database remember its leases from now on."""
    connection.execute(_AUDIT)


def most_leases(connection: psycopg.Connection) -> int:
    """How many leases that activity had which had the most; 1 if there were none at all."""
    row = connection.execute(
        "select max(c.leases) from (select count(*) as leases from audit.leases group by workflow_id, seq) c"
    ).fetchone()
    return 1 if row is None or row[0] is None else int(row[0])


def stale_results(connection: psycopg.Connection) -> list[str]:
    """The results that were not recorded under the latest lease; none if there is no audit."""
    row = connection.execute("select to_regclass('audit.leases')").fetchone()
    if row is None or row[0] is None:
        return []
    return [
        f"a result does not carry the latest lease: {workflow_id} at {seq} has {token} of attempt {attempt},"
        f" the lease was {latest} of attempt {latest_attempt}"
        for workflow_id, seq, token, attempt, latest, latest_attempt in connection.execute(_STALE)
    ]
