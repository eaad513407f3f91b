with

source as (

    select
        repository,
        sha,
        {{ parse_json('payload', {
            'issue_keys': ['VARCHAR'],
            'typed_keys': ['VARCHAR']
        }) }} as payload

    from {{ source('github', 'commits') }}

),

renamed as (

    select
        source.repository || ':' || source.sha || ':' || key_no as commit_issue_key_id,
        source.repository,
        source.sha,
        issue_key,
        true as is_written_as_key

    from source

    {{ each('source.payload.issue_keys', 'issue_key', 'key_no') }}

    union all

    select
        source.repository || ':' || source.sha || ':typed:' || key_no as commit_issue_key_id,
        source.repository,
        source.sha,
        issue_key,
        false as is_written_as_key

    from source

    {{ each('source.payload.typed_keys', 'issue_key', 'key_no') }}

)

select * from renamed
