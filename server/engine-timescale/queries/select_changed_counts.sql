-- The times of records stored or deleted since the minutes were counted, as coarse ranges.
select min(earliest), max(latest)
  from logboom.runs
 where first_position > (select position from logboom.minute_counts_upto)
 group by date_trunc('hour', earliest)
 union all
select earliest, latest
  from logboom.minute_counts_changed
