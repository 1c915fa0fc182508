-- Makes the partition of one day (UTC) where it is missing. False where records of
-- that day are already in logboom.logs_other: then they stay together there.
create function logboom.create_day(day date) returns boolean language plpgsql volatile as $$
declare
    name text := 'logs_' || to_char(day, 'YYYYMMDD');
begin
    -- Nodes that need the same day take turns.
    perform pg_advisory_xact_lock(x'4c4e000000000001'::bigint);
    if to_regclass(format('logboom.%I', name)) is not null then
        return true;
    end if;
    -- Attached rather than created in place: that lets writers and readers of the other
    -- partitions go on.
    execute format('create table logboom.%I (like logboom.logs including defaults including comments)', name);
    execute format(
        'alter table logboom.logs attach partition logboom.%I for values from (%L) to (%L)',
        name, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
    return true;
exception
    when check_violation then
        return false;
end;
$$;
