with

source as (

    select
        id,
        {{ parse_json('payload', {'labels': ['VARCHAR']}) }} as payload

    from {{ source('gitlab', 'issues') }}

),

renamed as (

    select
        source.id || ':' || label_no as issue_label_id,
        'gitlab:issue:' || source.id as work_item_key,
        lower(label) as label,
        lower(split_part(label, ':', 1)) as label_scope,
        lower(split_part(label, ':', 3)) as label_value

    from source

    {{ each('source.payload.labels', 'label', 'label_no') }}

)

select * from renamed
