select name, version, body
  from logboom.documents
 where kind = $1
   and name = $2
