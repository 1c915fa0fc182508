select first_position, places, pages
  from logboom.summaries
 where first_position = any ($1::bigint[])
   and places is not null
   and pages is not null
