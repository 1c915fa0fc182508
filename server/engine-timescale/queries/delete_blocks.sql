-- The blocks before the first that has a run left; the newest stays, because readers go
-- up to it.
delete from logboom.blocks
 where block < (select min(first_position) >> 20 from logboom.runs)
   and block < (select max(block) from logboom.blocks)
