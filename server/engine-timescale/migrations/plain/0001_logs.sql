-- The records. Eight-byte columns first, so that no row carries padding.
create table logboom.logs (
    time          timestamptz       not null,
    position      bigint            not null,
    observed_time bigint            not null,
    id            uuid              not null,
    time_ns       smallint          not null,
    severity      smallint          not null,
    level         text collate "C"  not null,
    service       text collate "C"  not null,
    node          text collate "C"  not null,
    message       text collate "C"  not null,
    trace_id      bytea,
    span_id       bytea,
    attributes    jsonb             not null
) partition by range (time);

comment on column logboom.logs.time          is 'when it happened, cut to microseconds';
comment on column logboom.logs.time_ns       is 'the nanoseconds that time cannot hold, 0 to 999';
comment on column logboom.logs.position      is 'place in the order of storing: block << 20 | ordinal';
comment on column logboom.logs.observed_time is 'when it was received, nanoseconds since the Unix epoch';
comment on column logboom.logs.severity      is 'OpenTelemetry severity number, 1 to 24';
comment on column logboom.logs.attributes    is 'flat object; a number with a decimal point was a float, 0.00 is the negative zero';

-- Days have a partition each, made ahead of need; the rest of time is in this one.
create table logboom.logs_other partition of logboom.logs default;

-- Search reads it backwards and stops early: the order of its answers, to the last column,
-- or a planner would sort what it does not need.
create index logs_order on logboom.logs (time, time_ns, position);
-- The tail reads forwards by position. Appending in order keeps this index cheap:
-- every insert goes to its right-most page.
create index logs_position on logboom.logs (position);

-- The batches that are stored: what makes a redelivery a no-op.
create table logboom.ledger (
    batch_id  bytea       primary key,
    client_id boolean     not null,
    stored_at timestamptz not null default now()
);

-- Forgetting goes by age.
create index ledger_stored_at on logboom.ledger (stored_at);

-- One row for each transaction that stored records.
create table logboom.blocks (
    block         bigint      primary key,
    records       bigint      not null,
    last_position bigint      not null,
    stored_at     timestamptz not null default now()
);

-- The consecutive records of one batch: what the tail gives out as a block, and the
-- way from a record's id to its position without an index on every record.
create table logboom.runs (
    first_position bigint           primary key,
    records        integer          not null,
    bytes          bigint           not null,
    first_id       uuid             not null,
    batch_id       bytea            not null,
    client_id      boolean          not null,
    producer       text collate "C" not null,
    observed_time  bigint           not null,
    -- bounds of the records' time, so that reading them back touches few partitions
    earliest       timestamptz      not null,
    latest         timestamptz      not null
);

create index runs_first_id on logboom.runs (first_id);

-- What could not be stored as a record.
create table logboom.dead_letters (
    id       bigint           generated always as identity primary key,
    time     timestamptz      not null default now(),
    reason   text collate "C" not null,
    producer text collate "C" not null,
    batch_id bytea,
    payload  bytea            not null,
    records  bigint           not null
);
