select coalesce(sum(records), 0)::bigint
  from logboom.blocks
 where block > $1 >> 20
   and block <= $2 >> 20
