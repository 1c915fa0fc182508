select first_position, pairs
  from logboom.summary_values
 where slot = $1
   and first_position = any ($2::bigint[])
