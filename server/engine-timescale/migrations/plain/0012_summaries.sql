-- One row for each block: consecutive positions to which nothing is added any more. A row that is not built only says
-- where the block is and which times it may have. The bytes are those of the package indexes.
create table logboom.summaries (
    first_position bigint      primary key,
    last_position  bigint      not null,
    -- Those of the runs; exact once it is built.
    records        bigint      not null,
    earliest       timestamptz not null,
    latest         timestamptz not null,
    -- The version of the bytes; 0: not built.
    built          smallint    not null default 0,
    -- How often records of the block may have been deleted. Who builds it reads the records at one value and stores
    -- what it built at the same.
    changed        bigint      not null default 0,
    checked_at     timestamptz not null default now(),
    -- JSON: each service with its numbers of records of the six level classes. The order numbers the services.
    totals         text,
    places         bytea,
    messages       bytea,
    pages          bytea,
    ids            bytea,
    id_blocks      integer,
    -- Fields whose values are not in ids.
    unfiltered     text[] collate "C",
    -- Whether logboom.summary_values has the values of all its fields.
    has_values     boolean     not null default false
);

create index summaries_latest on logboom.summaries (latest, first_position);
create index summaries_unbuilt on logboom.summaries (first_position) where built = 0;
create index summaries_checked on logboom.summaries (checked_at) where built > 0;

-- The messages of a block once more, sorted by likeness.
create table logboom.summary_pages (
    first_position bigint   not null references logboom.summaries on delete cascade,
    page           smallint not null,
    texts          bytea    not null,
    primary key (first_position, page)
);

-- How many records have each value of the fields of a slot.
create table logboom.summary_values (
    slot           smallint not null,
    first_position bigint   not null references logboom.summaries on delete cascade,
    counts         bytea    not null,
    pairs          bytea    not null,
    primary key (slot, first_position)
);
create index summary_values_block on logboom.summary_values (first_position);

-- They are compressed or dense already, and single pieces of them are read.
alter table logboom.summaries
    alter column places set storage external,
    alter column messages set storage external,
    alter column pages set storage external,
    alter column ids set storage external;
alter table logboom.summary_pages alter column texts set storage external;
alter table logboom.summary_values
    alter column counts set storage external,
    alter column pairs set storage external;

-- Up to which position there are blocks. One row.
create table logboom.summaries_upto (
    position bigint not null
);
insert into logboom.summaries_upto values (0);

-- Forgets what was derived from the records of these blocks; they are built again from what is left. Also for people who
-- delete rows by hand, in the same transaction. The rows of the blocks are locked first: who is building one of them
-- then notices.
create function logboom.forget_summaries(blocks bigint[]) returns void language sql volatile as $$
    update logboom.summaries
       set built = 0, changed = changed + 1, totals = null, places = null, messages = null, pages = null, ids = null,
           id_blocks = null, unfiltered = null, has_values = false
     where first_position = any (blocks);
    delete from logboom.summary_pages where first_position = any (blocks);
    delete from logboom.summary_values where first_position = any (blocks);
$$;

-- After rows of logboom.logs were deleted or changed. Logboom notes which ones in the same transaction, and sets
-- logboom.noted. Anybody else, such as a node of an older version, may have deleted anything.
create function logboom.forget_all() returns trigger language plpgsql volatile as $$
begin
    if coalesce(current_setting('logboom.noted', true), '') <> 'on' then
        -- As for each deletion: no block is sealed before it ends.
        perform pg_advisory_xact_lock_shared(x'4c4e000000000003'::bigint);
        insert into logboom.minute_counts_changed (earliest, latest) values ('-infinity', 'infinity');
        perform logboom.forget_summaries(array_agg(first_position)) from logboom.summaries;
    end if;
    return null;
end;
$$;

-- Not on a hypertable: its continuous aggregate notices deletions by itself, and its blocks are counted from time to
-- time.
do $$
begin
    if (select relkind = 'p' from pg_class where oid = 'logboom.logs'::regclass) then
        create trigger logs_forget_all
         after delete or update or truncate on logboom.logs
           for each statement execute function logboom.forget_all();
    end if;
end;
$$;
