-- What readers look at, under a name: an address of the dashboard.
create table logboom.views (
    name    text collate "C" primary key,
    address text not null
);
