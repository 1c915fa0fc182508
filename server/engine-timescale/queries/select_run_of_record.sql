-- The run whose first id is the nearest at or below the record's.
select first_position, records, uuid_send(first_id), earliest, latest
  from logboom.runs
 where first_id <= encode($1, 'hex')::uuid
 order by first_id desc
 limit 1
