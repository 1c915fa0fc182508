-- Block numbers: drawn by writers, and read up to by readers (invariant C8; the
-- argument is in the engine's head comment).
create sequence logboom.block_numbers as bigint minvalue 0 start with 0;

-- Number 0 is never used: every later draw is greater than what last_value shows.
select nextval('logboom.block_numbers');

-- Draws the number of this transaction's block. Before it draws, it registers the
-- newest number drawn so far in an advisory lock, which is held until the transaction
-- ends: "an unfinished transaction owns some number greater than this one".
create function logboom.draw_block() returns bigint language plpgsql volatile as $$
declare
    drawn bigint;
begin
    select last_value into drawn from logboom.block_numbers;
    -- "LO" in the upper 16 bits keeps other programs' advisory locks apart.
    perform pg_advisory_xact_lock_shared(x'4c4f000000000000'::bigint | drawn);
    return nextval('logboom.block_numbers');
end;
$$;

-- The last position of the newest final block: every block up to it is committed and
-- visible, or will never be. The order of the three statements matters.
create function logboom.final_position() returns bigint language plpgsql volatile as $$
declare
    newest   bigint;
    lowest   bigint;
    result   bigint;
begin
    select max(block) into newest from logboom.blocks;

    select min((classid::bigint & 65535) << 32 | objid::bigint) into lowest
      from pg_locks
     where locktype = 'advisory'
       and objsubid = 1
       and classid::bigint >> 16 = x'4c4f'::bigint
       and database = (select oid from pg_database where datname = current_database());

    select last_position into result
      from logboom.blocks
     where block <= least(newest, lowest)
     order by block desc
     limit 1;

    return coalesce(result, 0);
end;
$$;
