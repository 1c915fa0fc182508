select first_position, messages
  from logboom.summaries
 where first_position = any ($1::bigint[])
   and messages is not null
