delete from dead_letters where time < ?1;
