select path, rows, bytes, min_time, max_time, min_position, max_position, min_id, max_id
from parts
order by max_time desc;
