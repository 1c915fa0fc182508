-- $1: before this id, $2: up to this id, $3 and $4: from this microsecond and before that one,
-- $5 and $6: text in reason and producer, $7: a service, $8: the limit.
select id, time, reason, producer, batch_id, records, octet_length(payload)::bigint, services
  from logboom.dead_letters
 where id < $1
   and id <= $2
   and (extract(epoch from time) * 1000000)::bigint >= $3
   and (extract(epoch from time) * 1000000)::bigint < $4
   and ($5::text is null or strpos(lower(reason), lower($5 collate "C")) > 0)
   and ($6::text is null or strpos(lower(producer), lower($6 collate "C")) > 0)
   and ($7::text is null or services is null or $7 = any (services))
 order by id desc
 limit $8
