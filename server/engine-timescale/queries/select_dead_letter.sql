select id, time, reason, producer, batch_id, payload, records
  from logboom.dead_letters
 where id = $1
