-- The times of what was stored since the minutes were refreshed, by rough pieces.
select min(earliest), max(latest)
  from logboom.runs
 where first_position > (select position from logboom.minutes_upto)
 group by date_trunc('hour', earliest)
