-- Every column: a folder that is only looked at may be of an older format.
select *
from parts
order by max_time desc;
