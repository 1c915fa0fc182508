-- Of a folder of format 1 or 2 that is only looked at.
select path, rows, bytes, min_time, max_time, min_position, max_position, min_id, max_id,
       null as damage, null as damage_reason
from parts
order by max_time desc;
