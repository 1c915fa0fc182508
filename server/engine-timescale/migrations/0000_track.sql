-- Which migrations have been applied.
create schema if not exists logboom;

create table if not exists logboom.migrations (
    track      text        not null,
    version    integer     not null,
    name       text        not null,
    applied_at timestamptz not null default now(),
    primary key (track, version)
);
