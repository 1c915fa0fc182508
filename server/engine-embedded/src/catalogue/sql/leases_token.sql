-- The next token of a lease.
insert into leases (name, token) values (?1, 1)
    on conflict (name) do update set token = token + 1
returning token;
