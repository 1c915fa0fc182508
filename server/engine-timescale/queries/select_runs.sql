select first_position, records, bytes, batch_id, client_id, producer, observed_time, earliest, latest, removed
  from logboom.runs
 where first_position + records > $1 + 1
   and first_position > $1 - 1048576
   and first_position <= $2
 order by first_position
 limit $3
