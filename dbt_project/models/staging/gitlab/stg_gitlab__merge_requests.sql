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
            'is_hotfix': 'BOOLEAN',
            'ai_assistance': 'VARCHAR',
            'ai_method': 'VARCHAR'
        }) }} as payload

    from {{ source('gitlab', 'merge_requests') }}

),

tombstones as (

    select * from {{ source('gitlab', 'tombstones') }}
    where object = 'merge_requests' and state = 'deleted'

),

renamed as (

    select
        source.id as merge_request_id,
        'gitlab:mr:' || source.id as work_item_key,
        source.project as repository,
        source.iid as merge_request_no,
        source.status as state,
        source.payload.author.person_key as author_key,
        source.payload.author.actor_type as author_type,
        source.payload.target_branch as base_branch,
        source.payload.sha as head_sha,
        case
            when source.merged_at is not null
                then coalesce(
                    source.payload.merge_commit_sha,
                    source.payload.squash_commit_sha,
                    source.payload.sha
                )
        end as merge_commit_sha,
        coalesce(source.payload.is_draft, false) as is_draft,
        coalesce(source.payload.is_revert, false) as is_revert,
        coalesce(source.payload.is_hotfix, false) as is_hotfix,
        coalesce(source.payload.ai_assistance, 'unknown') as ai_assistance,
        source.payload.ai_method as ai_method,
        {{ utc('source.created_at') }} as opened_at,
        {{ utc('source.updated_at') }} as updated_at,
        {{ utc('coalesce(source.closed_at, source.merged_at)') }} as closed_at,
        {{ utc('source.merged_at') }} as merged_at,
        {{ utc('tombstones.gone_at') }} as deleted_detected_at

    from source

    left join tombstones
        on source.id = tombstones.id

)

select * from renamed
