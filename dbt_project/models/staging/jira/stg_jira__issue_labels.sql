with

source as (

    select
        id,
        {{ parse_json('payload', {'fields': {'labels': ['VARCHAR']}}) }} as payload

    from {{ source('jira', 'issues') }}

),

renamed as (

    select
        source.id || ':' || label_no as issue_label_id,
        'jira:' || source.id as work_item_key,
        lower(label) as label

    from source

    {{ each('source.payload.fields.labels', 'label', 'label_no') }}

)

select * from renamed
