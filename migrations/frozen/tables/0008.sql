-- Revision 0008: what others built on the schema is kept, and what went wrong for those who operate it goes right.

drop function purge_cloud_events(timestamptz, integer);

alter table events alter column occurred_at set default clock_timestamp();
comment on column events.occurred_at is 'When it happened, by the database''s clock; what a worker decided in one turn happened when the turn began.';
