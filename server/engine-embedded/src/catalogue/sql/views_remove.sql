delete from views where name = ?1;
