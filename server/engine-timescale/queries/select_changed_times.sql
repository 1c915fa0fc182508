-- The times of records stored or deleted since the refresh of the minutes, as coarse ranges.
select min(earliest), max(latest)
  from logboom.runs
 where first_position > (select position from logboom.minutes_upto)
 group by date_trunc('hour', earliest)
 union all
select earliest, latest
  from logboom.minutes_changed
