-- Read twice, and its payloads parsed once.
{{ config(materialized='table') }}

with

source as (

    select
        sha256,
        {{ parse_json('payload', {
            'experiment_key': 'VARCHAR',
            'value_stream_key': 'VARCHAR',
            'hypothesis': 'VARCHAR',
            'measure': 'VARCHAR',
            'better': 'VARCHAR',
            'expected_delta': 'DOUBLE',
            'observed_delta': 'DOUBLE',
            'work_item': 'VARCHAR',
            'owner_team_key': 'VARCHAR',
            'conceived_on': 'VARCHAR',
            'due_on': 'VARCHAR',
            'first_use_on': 'VARCHAR',
            'learned_on': 'VARCHAR',
            'verdict': 'VARCHAR',
            'decided_on': 'VARCHAR',
            'decision': 'VARCHAR'
        }) }} as payload

    from {{ source('feeds', 'experiments') }}

),

-- What was taken out of a file is in none that is there now.
files as (

    select sha256 from {{ source('feeds', 'files') }}
    where feed = 'experiments'

),

renamed as (

    select
        source.payload.experiment_key as experiment_key,
        source.payload.value_stream_key as value_stream_key,
        source.payload.hypothesis as hypothesis,
        source.payload.measure as measure,
        source.payload.better as better,
        source.payload.expected_delta as expected_delta,
        source.payload.observed_delta as observed_delta,
        source.payload.work_item as work_item,
        source.payload.owner_team_key as owner_team_key,
        cast(source.payload.conceived_on as date) as conceived_on,
        cast(source.payload.due_on as date) as due_on,
        cast(source.payload.first_use_on as date) as first_use_on,
        cast(source.payload.learned_on as date) as learned_on,
        source.payload.verdict as verdict,
        cast(source.payload.decided_on as date) as decided_on,
        source.payload.decision as decision

    from source

    inner join files on source.sha256 = files.sha256

)

select * from renamed
