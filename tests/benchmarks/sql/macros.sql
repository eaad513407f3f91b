-- Chance without a state: what is drawn for an item and a purpose is a hash of both, so that it is the
-- same in every run, on any number of threads, and for any number of items.
create or replace macro chance(item, part, purpose) as
    hash(item, part, purpose, getvariable('seed')) / 18446744073709551616.0;

create or replace macro normal(item, part, purpose) as
    sqrt(-2 * ln(1 - chance(item, part, purpose)))
    * cos(2 * pi() * chance(item, part, purpose || ' angle'));

create or replace macro among(options, drawn) as
    options[1 + cast(floor(drawn * len(options)) as integer)];

-- Some are drawn far more often than others, as projects and repositories are worked on.
create or replace macro skewed(drawn, number) as cast(floor(number * drawn * drawn) as integer);

create or replace macro numbered(prefix, number) as
    prefix || lpad(cast(number as varchar), 2, '0');

create or replace macro sha_of(item, part, purpose) as
    md5(purpose || item || ':' || part) || substr(md5(part || purpose || item), 1, 8);

create or replace macro sys_id_of(item, purpose) as md5(purpose || ' ' || item);

-- One of 2,000 people; four in a hundred acts are a bot's.
create or replace macro person(item, part, purpose) as case
    when chance(item, part, purpose || ' bot') < 0.04
        then {'person_key': 'robot' || lpad('7', 15, '0'), 'actor_type': 'bot'}
    else {
        'person_key':
            'p' || lpad(cast(skewed(chance(item, part, purpose), 2000) as varchar), 19, '0'),
        'actor_type': 'human'
    }
end;

create or replace macro seconds(number) as to_seconds(cast(floor(number) as bigint));

create or replace macro iso(moment) as strftime(moment, '%Y-%m-%dT%H:%M:%S.000+0000');
create or replace macro zulu(moment) as strftime(moment, '%Y-%m-%dT%H:%M:%SZ');
create or replace macro stamp(moment) as strftime(moment, '%Y-%m-%d %H:%M:%S');

create or replace macro status_id(name) as cast(10099 + list_position(getvariable('statuses'), name) as varchar);
