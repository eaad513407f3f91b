with

source as (

    select
        sha256,
        {{ parse_json('payload', {
            'assessment': 'VARCHAR',
            'value_stream_key': 'VARCHAR',
            'dimension': 'VARCHAR',
            'assessed_on': 'VARCHAR',
            'score': 'DOUBLE',
            'best_score': 'DOUBLE',
            'respondents': 'BIGINT'
        }) }} as payload

    from {{ source('feeds', 'assessments') }}

),

-- What was taken out of a file is in none that is there now.
files as (

    select sha256 from {{ source('feeds', 'files') }}
    where feed = 'assessments'

),

renamed as (

    select
        source.payload.assessment
        || '|' || source.payload.value_stream_key
        || '|' || source.payload.dimension
        || '|' || source.payload.assessed_on as assessment_score_key,
        source.payload.assessment as assessment,
        source.payload.value_stream_key as value_stream_key,
        source.payload.dimension as dimension,
        cast(source.payload.assessed_on as date) as assessed_on,
        source.payload.score as score,
        source.payload.best_score as best_score,
        source.payload.respondents as respondents

    from source

    inner join files on source.sha256 = files.sha256

)

select * from renamed
