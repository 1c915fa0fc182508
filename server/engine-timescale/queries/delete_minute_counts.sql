-- The minutes of a range of times.
delete from logboom.minute_counts
 where minute >= date_trunc('minute', $1::timestamptz, 'UTC')
   and minute <= $2
