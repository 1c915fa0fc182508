-- What retention deletes with the records.
create index runs_latest on logboom.runs (latest);

-- An index of trace ids that costs a writer nothing: it keeps what occurs in each
-- megabyte, of whole megabytes, and is brought up to date in the background.
create index logs_trace_id on logboom.logs
 using brin (trace_id bytea_bloom_ops (n_distinct_per_range = 2000, false_positive_rate = 0.01));

-- The partitions of days, with their days (midnight, UTC).
create function logboom.days() returns table (partition regclass, day timestamptz) language sql stable as $$
    select inhrelid::regclass, to_date(right(relname, 8), 'YYYYMMDD')::timestamp at time zone 'UTC'
      from pg_inherits
      join pg_class on pg_class.oid = inhrelid
     where inhparent = 'logboom.logs'::regclass
       and relname ~ '^logs_[0-9]{8}$'
$$;

-- Drops the days that end no later than this; names them.
create function logboom.drop_days(until timestamptz) returns setof text language plpgsql volatile as $$
declare
    old regclass;
begin
    for old in select partition from logboom.days() where day + interval '1 day' <= until order by day loop
        execute format('drop table %s', old);
        return next old::text;
    end loop;
end;
$$;
