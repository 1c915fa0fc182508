-- The run whose first id is the nearest at or below the record's.
select first_position, records, first_id, earliest, latest
  from logboom.runs
 where first_id <= $1
 order by first_id desc
 limit 1
