-- The times of records that were deleted since logboom.minutes was refreshed: counted
-- afresh, as are those of what was stored since.
create table logboom.minutes_changed (
    id       bigint      generated always as identity primary key,
    earliest timestamptz not null,
    latest   timestamptz not null
);
