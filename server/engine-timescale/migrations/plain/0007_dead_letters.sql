-- The services of its records; null where the letter is older than this column.
alter table logboom.dead_letters add column services text[] collate "C";

-- What went because of the bounds of dead letters, on all nodes.
create table logboom.dead_letters_dropped (
    one     boolean primary key default true check (one),
    letters bigint not null default 0,
    records bigint not null default 0
);
insert into logboom.dead_letters_dropped default values;
