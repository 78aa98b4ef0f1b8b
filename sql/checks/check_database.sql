create function check_database() returns table (problem text, workflow_id uuid, detail text)
    language sql stable security definer
    set search_path from current
as $$
    select 'history is not guarded: a trigger of events is missing or disabled', null::uuid, t.name
    from unnest(array['events_that_are_inserted_plainly_are_appended', 'numbers_are_given_by_the_workflow',
                      'history_is_append_only', 'history_is_not_truncated']) as t (name)
    where not exists (select from pg_trigger g
                      where g.tgrelid = 'events'::regclass and g.tgname = t.name and g.tgenabled in ('O', 'A'))
    union all
    select 'a definition is not what was defined: its digest is another', null,
           format('%s/%s:%s', d.namespace, d.name, d.version)
    from definitions d
    where d.digest <> encode(sha256(convert_to(d.document::text, 'UTF8')), 'hex')
    union all
    select 'a definition is out of the order of its versions', null, format('%s/%s:%s', d.namespace, d.name, d.version)
    from definitions d
    where d.version_order <> version_order(d.version)
    union all
    select 'the position of CloudEvents is lost', null, ''
    where not exists (select from event_clock)
    union all
    select 'a CloudEvent has a position that was not given out yet', e.event_id, format('%s of %s', e.position, c.position)
    from correlated_events e, event_clock c
    where e.position > c.position
    union all
    select 'a CloudEvent is found that is not there', o.event_id, format('at %s', o.position)
    from correlated_events o
    where not exists (select from cloud_events e where e.id = o.event_id)
    union all
    -- without keys each has a value; with keys, only where its own have some
    select 'a CloudEvent will not be found by those who listen for it', e.id, format('type %s', e.type)
    from correlations c
    cross join lateral (
        select t.id, t.type from cloud_events t where t.type = c.type and t.published_at >= c.since
        union all
        select t.id, t.type from cloud_events t where c.type is null and t.published_at >= c.since) e
    where c.keys = '[]'
      and not exists (select from correlated_events o where o.correlation = c.id and o.event_id = e.id)
      and not exists (select from jobs j where j.workflow_id = e.id and j.kind = 'correlate')
    union all
    select 'somebody listens by a correlation that is not known for all of its time', s.workflow_id,
           format('start %s, filter %s', s.seq, s.filter)
    from subscriptions s
    left join correlations c on c.id = s.correlation
    where c.since is null or c.since > s.published_from
$$;

comment on function check_database() is
    'What is wrong with what workflows share: the guards of history, definitions, CloudEvents and how they are found. Together with check_workflows it is all that SQL can check.';
