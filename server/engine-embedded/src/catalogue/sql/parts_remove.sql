-- ?1: JSON array of paths.
delete from parts where path in (select value from json_each(?1));
