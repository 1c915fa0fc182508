-- 256: what a letter takes beside its texts and its payload.
select (select count(*) from dead_letters),
       (select coalesce(sum(256 + length(payload) + length(cast(reason as blob)) + length(cast(producer as blob))), 0)
          from dead_letters),
       letters,
       records
from dead_dropped
where only = 1;
