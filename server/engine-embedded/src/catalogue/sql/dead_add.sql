insert into dead_letters (time, reason, producer, batch_id, records, payload, services)
values (?, ?, ?, ?, ?, ?, ?);
