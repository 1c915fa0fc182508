-- The end of the oldest day with records, unless it is the only one.
select day + interval '1 day'
  from (select day, count(*) over () as days
          from logboom.days()
         where pg_relation_size(partition) > 0) as all_days
 where days > 1
 order by day
 limit 1
