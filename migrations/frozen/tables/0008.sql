-- Revision 0008: what others built on the schema is kept, and what went wrong for those who operate it goes right.

drop function purge_cloud_events(timestamptz, integer);
