-- ?1: the name, ?2: the address, ?3: how many there may be.
insert into views (name, address)
select ?1, ?2
 where (select count(*) from views where name <> ?1) < ?3
    on conflict (name) do update set address = excluded.address;
