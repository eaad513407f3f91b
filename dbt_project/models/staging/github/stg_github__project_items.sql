with

source as (

    select
        id,
        project_id,
        content_id,
        updated_at,
        {{ parse_json('payload', {
            'type': 'VARCHAR',
            'status': 'VARCHAR',
            'priority': 'VARCHAR',
            'estimate': 'DOUBLE'
        }) }} as payload

    from {{ source('github', 'project_items') }}

),

renamed as (

    select
        id as project_item_id,
        project_id,
        case when payload.type = 'ISSUE' then 'github:issue:' || content_id end as work_item_key,
        lower(payload.type) as content_type,
        lower(payload.status) as status,
        lower(payload.priority) as priority,
        payload.estimate as estimate,
        {{ utc('updated_at') }} as updated_at

    from source

)

select * from renamed
