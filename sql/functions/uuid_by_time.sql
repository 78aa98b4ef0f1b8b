create function uuid_by_time() returns uuid
    language sql volatile parallel safe
    set search_path from current
as $$
    -- version 7: 48 bits of milliseconds, then random bits; neighbours in time are neighbours in the index
    select encode(
        set_bit(set_bit(
            overlay(uuid_send(gen_random_uuid())
                placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
                from 1 for 6),
            52, 1), 53, 1), 'hex')::uuid
$$;

comment on function uuid_by_time() is 'A new random id that sorts by the time at which it was made (UUID version 7).';
