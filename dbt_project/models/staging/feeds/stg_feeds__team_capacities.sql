with

source as (

    select
        sha256,
        {{ parse_json('payload', {
            'team_key': 'VARCHAR',
            'role': 'VARCHAR',
            'week_start': 'VARCHAR',
            'available_hours': 'DOUBLE'
        }) }} as payload

    from {{ source('feeds', 'team_capacities') }}

),

-- What was taken out of a file is in none that is there now.
files as (

    select sha256 from {{ source('feeds', 'files') }}
    where feed = 'team_capacities'

),

renamed as (

    select
        source.payload.team_key || '|' || source.payload.role || '|'
        || source.payload.week_start as team_capacity_key,
        source.payload.team_key as team_key,
        source.payload.role as role,
        cast(source.payload.week_start as date) as week_start,
        source.payload.available_hours as available_hours

    from source

    inner join files on source.sha256 = files.sha256

)

select * from renamed
