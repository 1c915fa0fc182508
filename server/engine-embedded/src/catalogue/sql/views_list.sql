select name, address from views order by name;
