-- The same texts as before, without a regular expression for each number.
create or replace function logboom.attribute_text(value jsonb) returns text
language sql immutable parallel safe as $$
    select case
        when jsonb_typeof(value) <> 'number' then value #>> '{}'
        when value #>> '{}' = '0.00' then '-0'
        when value #>> '{}' like '%.0' then left(value #>> '{}', -2)
        else value #>> '{}'
    end
$$;
