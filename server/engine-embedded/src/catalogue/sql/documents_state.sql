-- What a change of a document depends on: its version, and how many there are of its kind.
select (select version from documents where kind = ?1 and name = ?2),
       (select count(*) from documents where kind = ?1);
