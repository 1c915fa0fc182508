select name, version, body from documents where kind = ?1 order by name;
