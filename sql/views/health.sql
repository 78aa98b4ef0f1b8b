create view health with (security_barrier) as
select c.topic,
       case when c.value is null then 'ok' when c.bad then 'bad' when c.warns then 'warning' else 'ok' end as state,
       coalesce(c.value, 'none') as value,
       case when c.bad or c.warns then c.advice end as advice
from (
    select 1 as place, 'workers' as topic, count(*)::text as value,
           count(*) filter (where heartbeat_at > now() - interval '1 min') = 0 as bad, false as warns,
           'no worker has been heard of for a minute: start one (pgworker worker)' as advice
    from workers
    union all
    select 2, 'silent workers', string_agg(id, ', ' order by id), false, count(*) > 0,
           'they have not been heard of for a minute: their activities go to others when the leases run out'
    from workers where heartbeat_at < now() - interval '1 min'
    union all
    select 3, 'oldest due job', (now() - min(j.due_at))::text, min(j.due_at) < now() - interval '5 min',
           min(j.due_at) < now() - interval '30 s',
           'work is waiting: start more workers, or see what holds these up (select * from waiting)'
    from (select due_at from lanes('decide') union all select due_at from lanes('perform')) j
    where j.due_at <= now()
    union all
    select 4, 'stuck leases', nullif(count(*), 0)::text, false, count(*) > 0,
           'their workers are gone, and nobody takes these activities over: start more workers (select * from activities)'
    from lanes('perform') l
    join jobs j on j.kind = 'perform' and j.priority = l.priority and j.namespace = l.namespace and j.due_at = l.due_at
    where l.due_at < now() - interval '10 s' and j.lease_token is not null
    union all
    select 5, 'CloudEvents to correlate', (now() - min(due_at))::text, min(due_at) < now() - interval '5 min',
           min(due_at) < now() - interval '30 s',
           'published CloudEvents reach nobody: is a worker running?'
    from jobs where kind = 'correlate'
    union all
    select 6, 'schedules with problems', string_agg(namespace || '/' || name, ', '), count(*) > 0, false,
           'see the column problem of schedules, and deploy a version without it'
    from schedules where problem is not null
    union all
    select 7, 'definitions with problems', string_agg(namespace || '/' || name || ':' || version, ', '),
           false, count(*) > 0, 'see the column problems of definitions, and deploy a version without them'
    from definitions d
    where problems is not null
      -- the newest of its name, which is what starts
      and not exists (select from definitions n where n.namespace = d.namespace and n.name = d.name
                        and n.version_order collate "C" > d.version_order collate "C")
    union all
    select 8, 'started and failed in the last hour', nullif(count(*), 0)::text, false, count(*) > 0,
           'see what they have in common: select * from failures'
    from workflows where status = 'FAILED' and created_at > now() - interval '1 hour'  -- by its index
    union all
    select 9, 'oldest transaction', coalesce(age::text, case when hides then 'hidden' end), age > interval '1 hour',
           coalesce(age > interval '5 min', false) or hides,
           case when hides and coalesce(age < interval '5 min', true)
                then 'the sessions of other logins cannot be seen: grant pg_read_all_stats to this one'
                else 'it keeps dead rows from being cleaned up, and everything slows down: see pg_stat_activity' end
    from (select now() - min(xact_start) as age, bool_or(query = '<insufficient privilege>') as hides
          from pg_stat_activity
          where (backend_type = 'client backend' or backend_type is null and datid is not null)
            and datid = (select oid from pg_database where datname = current_database())  -- others' keep nothing here
            and pid <> pg_backend_pid()) sessions
    union all
    select 10, 'dead rows', string_agg(relname || ' ' || n_dead_tup, ', '), false, count(*) > 0,
           'vacuum does not keep up: look for old transactions, or let it work more often'
    from pg_stat_user_tables
    where relid in ('workflows'::regclass, 'events'::regclass, 'jobs'::regclass, 'workers'::regclass,
                    'subscriptions'::regclass, 'cloud_events'::regclass, 'correlated_events'::regclass)
      and n_dead_tup > 100000 and n_dead_tup > n_live_tup / 2
    union all
    select 11, 'notification queue', round(pg_notification_queue_usage()::numeric * 100, 1) || ' %',
           pg_notification_queue_usage() > 0.5, pg_notification_queue_usage() > 0.1,
           'somebody listens in a transaction that does not end; workers are no longer woken and only poll'
) c
order by c.place;

comment on view health is 'How the engine is, one row a topic, with advice where something is wrong.';
comment on column health.topic is 'What was looked at.';
comment on column health.state is 'ok, warning or bad.';
comment on column health.value is 'What was found.';
comment on column health.advice is 'What to do, where something is wrong.';
