-- ?1: the day, ?2: JSON array of ids in hexadecimal.
insert or ignore into ledger (day, id)
select ?1, unhex(value) from json_each(?2) order by value;
