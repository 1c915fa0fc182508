-- Drops chunks whose records are counted in the minutes.
  with dropped as materialized (
           select drop_chunks('logboom.logs', older_than => $1::timestamptz)::text as chunk),
       changed as (
           insert into logboom.minutes_changed (earliest, latest)
           select '-infinity', $1
            where exists (select from dropped))
select chunk
  from dropped
