-- Blocks before the first one with a remaining run. The newest stays, because readers go up to it.
delete from logboom.blocks
 where block < (select min(first_position) >> 20 from logboom.runs)
   and block < (select max(block) from logboom.blocks)
