select name, version, body from documents where kind = ?1 and name = ?2;
