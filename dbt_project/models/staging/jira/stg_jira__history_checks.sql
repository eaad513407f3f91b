with

source as (

    select
        issue_id,
        history_quality,
        history_count,
        {{ parse_json('payload', {'source_count': 'BIGINT'}) }} as payload

    from {{ source('jira', 'history_checks') }}

),

renamed as (

    select
        issue_id,
        'jira:' || issue_id as work_item_key,
        history_quality,
        history_count,
        payload.source_count as source_count

    from source

)

select * from renamed
