-- The last of the minutes from $1 on that have about $2 records together; one minute at least.
select max(minute)
  from (select minute, sum(records) over (order by minute) - records as earlier
          from (select minute, sum(records) as records
                  from logboom.minute_counts
                 where minute >= $1
                 group by minute
                 order by minute
                 limit 1440) as minutes) as running
 where earlier < $2
