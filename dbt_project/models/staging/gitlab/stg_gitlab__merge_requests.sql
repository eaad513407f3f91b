with

source as (

    select
        id,
        iid,
        project,
        status,
        created_at,
        updated_at,
        merged_at,
        closed_at,
        {{ parse_json('payload', {
            'is_draft': 'BOOLEAN',
            'author': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'},
            'target_branch': 'VARCHAR',
            'sha': 'VARCHAR',
            'merge_commit_sha': 'VARCHAR',
            'squash_commit_sha': 'VARCHAR',
            'is_revert': 'BOOLEAN',
            'is_hotfix': 'BOOLEAN'
        }) }} as payload

    from {{ source('gitlab', 'merge_requests') }}

),

renamed as (

    select
        id as merge_request_id,
        'gitlab:mr:' || id as work_item_key,
        project as repository,
        iid as merge_request_no,
        status as state,
        payload.author.person_key as author_key,
        payload.author.actor_type as author_type,
        payload.target_branch as base_branch,
        payload.sha as head_sha,
        case
            when merged_at is not null
                then coalesce(payload.merge_commit_sha, payload.squash_commit_sha, payload.sha)
        end as merge_commit_sha,
        coalesce(payload.is_draft, false) as is_draft,
        coalesce(payload.is_revert, false) as is_revert,
        coalesce(payload.is_hotfix, false) as is_hotfix,
        {{ utc('created_at') }} as opened_at,
        {{ utc('updated_at') }} as updated_at,
        {{ utc('coalesce(closed_at, merged_at)') }} as closed_at,
        {{ utc('merged_at') }} as merged_at

    from source

)

select * from renamed
