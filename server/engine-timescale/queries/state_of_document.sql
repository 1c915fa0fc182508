-- The version of a document, and the number of documents of its kind.
select (select version from logboom.documents where kind = $1 and name = $2),
       (select count(*) from logboom.documents where kind = $1)
