-- ?1: JSON array of ids.
delete from dead_letters where id in (select value from json_each(?1));
