-- What readers look at, under a name: an address of the dashboard.
create table views (
    name    text primary key,
    address text not null
) without rowid;
