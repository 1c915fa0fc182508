-- $1: the positions of removed records.
update logboom.blocks
   set records = blocks.records - gone.records
  from (select positions.position >> 20 as block, count(*) as records
          from unnest($1::bigint[]) as positions (position)
         group by 1) as gone
 where blocks.block = gone.block
