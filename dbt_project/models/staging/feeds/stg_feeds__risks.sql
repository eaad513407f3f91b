-- Read twice, and its payloads parsed once.
{{ config(materialized='table') }}

with

source as (

    select
        sha256,
        {{ parse_json('payload', {
            'risk': 'VARCHAR',
            'value_stream_key': 'VARCHAR',
            'name': 'VARCHAR',
            'category': 'VARCHAR',
            'assessed_on': 'VARCHAR',
            'likelihood': 'BIGINT',
            'impact': 'BIGINT',
            'status': 'VARCHAR',
            'response': 'VARCHAR',
            'work_item': 'VARCHAR',
            'owner_team_key': 'VARCHAR',
            'due_on': 'VARCHAR'
        }) }} as payload

    from {{ source('feeds', 'risks') }}

),

-- What was taken out of a file is in none that is there now.
files as (

    select sha256 from {{ source('feeds', 'files') }}
    where feed = 'risks'

),

renamed as (

    select
        source.payload.risk || '|' || source.payload.assessed_on as risk_assessment_key,
        source.payload.risk as risk,
        source.payload.value_stream_key as value_stream_key,
        source.payload.name as name,
        source.payload.category as category,
        cast(source.payload.assessed_on as date) as assessed_on,
        source.payload.likelihood as likelihood,
        source.payload.impact as impact,
        source.payload.status as status,
        source.payload.response as response,
        source.payload.work_item as work_item,
        source.payload.owner_team_key as owner_team_key,
        cast(source.payload.due_on as date) as due_on

    from source

    inner join files on source.sha256 = files.sha256

)

select * from renamed
