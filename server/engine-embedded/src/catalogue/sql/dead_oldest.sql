-- ?1: how many. The newest letter is never too much.
select id,
       time,
       records,
       256 + length(payload) + length(cast(reason as blob)) + length(cast(producer as blob)) as bytes
from dead_letters
where id < (select max(id) from dead_letters)
order by id
limit ?1;
