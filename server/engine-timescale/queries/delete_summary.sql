-- A block without records, unless it was changed since.
delete from logboom.summaries
 where first_position = $1
   and changed = $2
