-- ?1: JSON array of ids in hexadecimal.
-- The days are few and drive the search, so that each id costs one seek a day. Both joins are `cross` joins, because SQLite
-- keeps their order: otherwise it reads the whole ledger, and the array again for each of its rows.
select l.id
from ledger_days d
cross join json_each(?1) wanted
cross join ledger l on l.day = d.day and l.id = unhex(wanted.value);
