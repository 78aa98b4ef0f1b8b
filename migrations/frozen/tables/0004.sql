-- Revision 0004: what operating asks for: indexes for lists, and workflows that come from elsewhere.
-- what is in no index here changes at no cost in indexes: the status, above all
create index workflows_by_name on workflows (name, created_at desc, id desc);
create index workflows_by_age_that_ended_badly on workflows (created_at desc, id desc) where error is not null;
create index workflows_by_label on workflows using gin (labels jsonb_path_ops) where labels <> '{}';
