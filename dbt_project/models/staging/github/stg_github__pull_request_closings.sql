with

source as (

    select
        id,
        {{ parse_json('payload', {'closes': ['VARCHAR']}) }} as payload

    from {{ source('github', 'pull_requests') }}

),

renamed as (

    select
        source.id || ':' || closing_no as pull_request_closing_id,
        'github:pr:' || source.id as work_item_key,
        'github:issue:' || issue_id as issue_work_item_key

    from source

    {{ each('source.payload.closes', 'issue_id', 'closing_no') }}

)

select * from renamed
