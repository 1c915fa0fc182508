-- ?1: JSON array of ids.
delete from dead_letters
where id in (select value from json_each(?1))
returning 256 + length(payload) + length(cast(reason as blob)) + length(cast(producer as blob));
