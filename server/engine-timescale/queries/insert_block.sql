insert into logboom.blocks (block, records, last_position) values ($1, $2, $3)
