insert into format (version) values (?);
