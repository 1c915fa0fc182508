-- Counts the minutes of a range of times afresh, up to the position up to which all are counted.
insert into logboom.minute_counts (minute, service, severity, records)
select date_bin('1 minute', time, '1600-01-01 00:00:00+00'), service, severity, count(*)
  from logboom.logs
 where time >= date_trunc('minute', $1::timestamptz, 'UTC')
   and time < date_trunc('minute', $2::timestamptz, 'UTC') + interval '1 minute'
   and position <= $3
 group by 1, 2, 3
