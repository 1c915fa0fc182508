select id, time, reason, producer, batch_id, records, payload
from dead_letters
where id = ?;
