-- All records of days from before this time are gone, after days were dropped up to $1.
select date_trunc('day', $1::timestamptz, 'UTC')
