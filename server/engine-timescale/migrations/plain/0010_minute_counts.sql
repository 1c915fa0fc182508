-- How many records each minute has, where there is no continuous aggregate (logboom.minutes).
create table logboom.minute_counts (
    minute   timestamptz      not null,
    service  text collate "C" not null,
    severity smallint         not null,
    records  bigint           not null,
    primary key (minute, service, severity)
);

-- Up to which position they are counted. One row.
create table logboom.minute_counts_upto (
    position bigint not null
);
insert into logboom.minute_counts_upto values (-1);

-- The times of records that were deleted since they were counted: counted afresh, as are those of what was stored
-- since.
create table logboom.minute_counts_changed (
    id       bigint      generated always as identity primary key,
    earliest timestamptz not null,
    latest   timestamptz not null
);
