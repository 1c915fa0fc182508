-- How filters see values: the same as model::Query does (invariant C7).

-- The text form of an attribute. Floats are kept with a decimal point (1.0) and shown
-- without an empty one (1); 0.00 is how the negative zero is kept.
create function logboom.attribute_text(value jsonb) returns text
language sql immutable parallel safe as $$
    select case
        when jsonb_typeof(value) <> 'number' then value #>> '{}'
        when value #>> '{}' = '0.00' then '-0'
        else regexp_replace(value #>> '{}', '\.0$', '')
    end
$$;

-- The number that a text is in whole, or null. Never fails: what is too large for a
-- float8 is no number, what is too small is zero.
create function logboom.text_number(value text) returns float8
language plpgsql immutable strict parallel safe as $$
declare
    parts  text[];
    digits text;
    power  numeric;
    scaled text;
begin
    if value !~ '^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$' then
        return null;
    end if;
    -- Nearly all: far from the bounds of a float8.
    if length(value) <= 100 and value !~ '[eE][+-]?[0-9]{3}' then
        return value::float8;
    end if;

    -- The value is 0.digits × 10^power, with a first digit other than zero.
    parts := regexp_match(value, '^([+-]?)([0-9]*)\.?([0-9]*)[eE]?([+-]?[0-9]*)$');
    digits := ltrim(parts[2] || parts[3], '0');
    if digits = '' then
        return 0;
    end if;
    power := length(digits) - length(parts[3]) + coalesce(nullif(parts[4], '')::numeric, 0);
    if power > 309 then
        return null;
    end if;
    if power < -323 then
        return 0;
    end if;
    -- No more than 800 digits can decide how a float8 is rounded.
    scaled := '0.' || left(digits, 800) || 'e' || power;
    -- Half a step beyond the largest and half of the smallest float8.
    if power = 309 and scaled::numeric >= 1.7976931348623158079372897140530341507993e308 then
        return null;
    end if;
    if power = -323 and scaled::numeric <= 2.4703282292062327208299493696645387061954e-324 then
        return 0;
    end if;
    return (parts[1] || scaled)::float8;
end;
$$;

-- The number that an attribute is, or is the text of, or null.
create function logboom.attribute_number(value jsonb) returns float8
language sql immutable parallel safe as $$
    select case jsonb_typeof(value)
        when 'number' then value::float8
        when 'string' then logboom.text_number(value #>> '{}')
    end
$$;
