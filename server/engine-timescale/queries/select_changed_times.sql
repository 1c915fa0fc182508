-- The times of what was stored and deleted since the minutes were refreshed, by rough
-- pieces.
select min(earliest), max(latest)
  from logboom.runs
 where first_position > (select position from logboom.minutes_upto)
 group by date_trunc('hour', earliest)
 union all
select earliest, latest
  from logboom.minutes_changed
