-- The 32 bytes of each filter that hold each of the hashes. $2: the upper halves of the hashes.
select first_position, hashes.place,
       substring(ids from 1 + 32 * ((hashes.upper * id_blocks::bigint) >> 32)::integer for 32)
  from logboom.summaries
 cross join unnest($2::bigint[]) with ordinality as hashes (upper, place)
 where first_position = any ($1::bigint[])
   and ids is not null
