insert into parts (path, rows, bytes, min_time, max_time, min_position, max_position, min_id, max_id)
values (?, ?, ?, ?, ?, ?, ?, ?, ?);
