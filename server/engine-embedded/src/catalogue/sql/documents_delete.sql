delete from documents where kind = ?1 and name = ?2;
