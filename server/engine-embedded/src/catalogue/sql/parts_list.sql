-- By name: SQLite makes a `*` of a statement anew when a migration has added columns, and the rows
-- are then wider than its reader knows.
select path, rows, bytes, min_time, max_time, min_position, max_position, min_id, max_id, damage, damage_reason
from parts
order by max_time desc;
