-- How far the journal is in the parts: frames up to this one are not read again.
create table cursor (
    only  integer primary key check (only = 1),
    frame integer not null,
    -- Frames up to this one have their dead letters below.
    dead  integer not null
);
insert into cursor (only, frame, dead) values (1, 0, 0);

-- The parts that count; a file that is not named here is nobody's.
create table parts (
    path         text    primary key,
    rows         integer not null,
    bytes        integer not null,
    min_time     integer not null, -- ns since the Unix epoch, inclusive
    max_time     integer not null,
    min_position integer not null,
    max_position integer not null,
    min_id       blob    not null, -- 16 bytes
    max_id       blob    not null
) without rowid;

-- Batch ids that were stored, by day so that old ones go in one sweep.
create table ledger (
    day integer not null, -- days since the Unix epoch
    id  blob    not null,
    primary key (day, id)
) without rowid;

-- How many ids a day has: counting millions of rows takes too long.
create table ledger_days (
    day integer primary key,
    ids integer not null
);

create table dead_letters (
    id       integer primary key autoincrement, -- never given twice: ids page the list
    time     integer not null,
    reason   text    not null,
    producer text    not null,
    batch_id blob,
    records  integer not null,
    payload  blob    not null
);
