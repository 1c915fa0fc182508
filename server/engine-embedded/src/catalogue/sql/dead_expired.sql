-- ?1: letters before this time are too old.
select count(*),
       coalesce(sum(records), 0),
       coalesce(sum(256 + length(payload) + length(cast(reason as blob)) + length(cast(producer as blob))), 0)
from dead_letters
where time < ?1;
