select first_position, counts
  from logboom.summary_values
 where slot = $1
   and first_position = any ($2::bigint[])
