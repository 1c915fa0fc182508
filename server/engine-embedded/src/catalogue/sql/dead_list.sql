-- ?1: before this id, ?2: up to this id, ?3 and ?4: from this time and before that one,
-- ?5 and ?6: parts of reason and producer, ?7: a service; ?8: how many.
select id, time, reason, producer, batch_id, records, length(payload) as bytes, services
from dead_letters
where id < ?1
  and id <= ?2
  and time >= ?3
  and time < ?4
  and (?5 is null or instr(lower(reason), lower(?5)) > 0)
  and (?6 is null or instr(lower(producer), lower(?6)) > 0)
  and (?7 is null or services is null or exists (select 1 from json_each(services) where value = ?7))
order by id desc
limit ?8;
