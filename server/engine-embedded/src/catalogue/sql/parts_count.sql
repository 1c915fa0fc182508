select count(*) from parts;
