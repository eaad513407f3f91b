with

source as (

    select
        id,
        {{ parse_json('payload', {
            'issue_keys': ['VARCHAR'],
            'typed_keys': ['VARCHAR']
        }) }} as payload

    from {{ source('github', 'pull_requests') }}

),

renamed as (

    select
        source.id || ':' || key_no as pull_request_issue_key_id,
        'github:pr:' || source.id as work_item_key,
        issue_key,
        true as is_written_as_key

    from source

    {{ each('source.payload.issue_keys', 'issue_key', 'key_no') }}

    union all

    select
        source.id || ':typed:' || key_no as pull_request_issue_key_id,
        'github:pr:' || source.id as work_item_key,
        issue_key,
        false as is_written_as_key

    from source

    {{ each('source.payload.typed_keys', 'issue_key', 'key_no') }}

)

select * from renamed
