with

source as (

    select
        merge_request_id,
        sha,
        authored_at,
        committed_at

    from {{ source('gitlab', 'merge_request_commits') }}

),

renamed as (

    select
        merge_request_id || ':' || sha as pull_request_commit_id,
        'gitlab:mr:' || merge_request_id as work_item_key,
        sha,
        {{ utc('authored_at', '1970-01-01') }} as authored_at,
        {{ utc('committed_at') }} as committed_at

    from source

)

select * from renamed
