create table correlations (
    id    text        not null,
    type  text,
    keys  jsonb       not null,
    since timestamptz not null,
    constraint a_correlation_is_known_by_the_digest_of_its_type_and_keys
        primary key (id),
    constraint keys_are_an_array
        check (jsonb_typeof(keys) = 'array')
);

create index correlations_by_type on correlations (type);

comment on table correlations is 'The ways in which CloudEvents are told apart: one row for each combination of type and keys that anybody listens by.';
comment on column correlations.id is 'Digest of type and keys.';
comment on column correlations.type is 'The type of the CloudEvents that it is about; null for every type.';
comment on column correlations.keys is 'The expressions that read the values from a CloudEvent, in order.';
comment on column correlations.since is 'Every CloudEvent published from then on has been, or is about to be, correlated by it.';
