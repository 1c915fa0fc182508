-- What is wrong with the file of a part that is set aside: missing, size or content; null where
-- the part counts. The row stays until the file is back or somebody gives the part up.
alter table parts add column damage text;
-- The same for people.
alter table parts add column damage_reason text;

-- JSON array of the services of its records; null where the letter is older than this column.
alter table dead_letters add column services text;

-- What went because of the bounds of dead letters.
create table dead_dropped (
    only    integer primary key check (only = 1),
    letters integer not null,
    records integer not null
);
insert into dead_dropped (only, letters, records) values (1, 0, 0);
