with

source as (

    select
        id,
        {{ parse_json('payload', {'labels': ['VARCHAR']}) }} as payload

    from {{ source('github', 'issues') }}

),

renamed as (

    select
        source.id || ':' || label_no as issue_label_id,
        'github:issue:' || source.id as work_item_key,
        {{ github_label_scope('label') }} as label_scope,
        {{ github_label_value('label') }} as label_value

    from source

    {{ each('source.payload.labels', 'label', 'label_no') }}

)

select * from renamed
