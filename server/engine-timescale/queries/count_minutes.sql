-- Adds the records of these positions to their minutes. The origin of the bins is before all times.
insert into logboom.minute_counts as counted (minute, service, severity, records)
select date_bin('1 minute', time, '1600-01-01 00:00:00+00'), service, severity, count(*)
  from logboom.logs
 where position > $1
   and position <= $2
   and time between $3 and $4
 group by 1, 2, 3
    on conflict (minute, service, severity) do update set records = counted.records + excluded.records
