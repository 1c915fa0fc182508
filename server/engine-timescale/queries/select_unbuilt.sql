-- The newest block that is not built. $1: blocks that could not be built.
select first_position, last_position, earliest, latest, changed
  from logboom.summaries
 where built = 0
   and first_position <> all ($1::bigint[])
 order by first_position desc
 limit 1
