with

source as (

    select * from {{ source('jira', 'history_checks') }}

),

renamed as (

    select
        issue_id,
        'jira:' || issue_id as work_item_key,
        history_quality,
        history_count

    from source

)

select * from renamed
