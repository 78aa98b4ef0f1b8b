create function declare_idle(p_worker text, p_idle boolean) returns void
    language plpgsql security definer
    set search_path from current
as $$
begin
    update workers set idle = p_idle where id = p_worker and idle <> p_idle;
end
$$;

comment on function declare_idle(text, boolean) is
    'Says that the worker goes to sleep and wants to be notified, or that it is awake.';
