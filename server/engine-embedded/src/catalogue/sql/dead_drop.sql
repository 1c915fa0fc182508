-- ?1: the greatest id that goes.
delete from dead_letters where id <= ?1;
