with

source as (

    select
        sha256,
        {{ parse_json('payload', {
            'value_stream_key': 'VARCHAR',
            'measure': 'VARCHAR',
            'measured_on': 'VARCHAR',
            'value': 'DOUBLE',
            'kind': 'VARCHAR',
            'unit': 'VARCHAR',
            'better': 'VARCHAR',
            'measured_by': 'VARCHAR',
            'owner_team_key': 'VARCHAR'
        }) }} as payload

    from {{ source('feeds', 'value_measures') }}

),

-- What was taken out of a file is in none that is there now.
files as (

    select sha256 from {{ source('feeds', 'files') }}
    where feed = 'value_measures'

),

renamed as (

    select
        source.payload.value_stream_key || '|' || source.payload.measure || '|'
        || source.payload.measured_on as value_measure_key,
        source.payload.value_stream_key as value_stream_key,
        source.payload.measure as measure,
        cast(source.payload.measured_on as date) as measured_on,
        source.payload.value as value,
        source.payload.kind as kind,
        source.payload.unit as unit,
        source.payload.better as better,
        source.payload.measured_by as measured_by,
        source.payload.owner_team_key as owner_team_key

    from source

    inner join files on source.sha256 = files.sha256

)

select * from renamed
