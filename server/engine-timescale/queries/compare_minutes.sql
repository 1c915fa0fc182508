-- Whether the counts of the minutes from $1 to $2 differ from the records, and nobody knows it yet.
  with counted as (
           select minute, service, severity, records
             from logboom.minute_counts
            where minute between $1 and $2),
       stored as (
           select date_bin('1 minute', time, '1600-01-01 00:00:00+00') as minute, service, severity, count(*) as records
             from logboom.logs
            where time >= $1
              and time < $2 + interval '1 minute'
              and position <= (select position from logboom.minute_counts_upto)
            group by 1, 2, 3)
select not exists (select from logboom.minute_counts_changed)
   and exists (
           (select * from counted except select * from stored)
           union all
           (select * from stored except select * from counted))
