with

source as (

    select
        id,
        repository,
        number,
        created_at,
        updated_at,
        state,
        {{ parse_json('payload', {
            'node_id': 'VARCHAR',
            'isDraft': 'BOOLEAN',
            'closedAt': 'VARCHAR',
            'mergedAt': 'VARCHAR',
            'author': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'},
            'baseRefName': 'VARCHAR',
            'headRefOid': 'VARCHAR',
            'mergeCommitOid': 'VARCHAR',
            'additions': 'BIGINT',
            'deletions': 'BIGINT',
            'changedFiles': 'BIGINT',
            'is_revert': 'BOOLEAN',
            'is_hotfix': 'BOOLEAN',
            'ai_assistance': 'VARCHAR',
            'ai_method': 'VARCHAR',
            'issue_keys': ['VARCHAR']
        }) }} as payload

    from {{ source('github', 'pull_requests') }}

),

renamed as (

    select
        id as pull_request_id,
        'github:pr:' || id as work_item_key,
        payload.node_id as node_id,
        repository,
        number as pull_request_no,
        state,
        payload.author.person_key as author_key,
        payload.author.actor_type as author_type,
        payload.baseRefName as base_branch,
        payload.headRefOid as head_sha,
        payload.mergeCommitOid as merge_commit_sha,
        payload.additions as additions,
        payload.deletions as deletions,
        coalesce(payload.isDraft, false) as is_draft,
        coalesce(payload.is_revert, false) as is_revert,
        coalesce(payload.is_hotfix, false) as is_hotfix,
        coalesce(payload.ai_assistance, 'unknown') as ai_assistance,
        payload.ai_method as ai_method,
        {{ utc('created_at') }} as opened_at,
        {{ utc('updated_at') }} as updated_at,
        {{ utc("nullif(payload.closedAt, '')") }} as closed_at,
        {{ utc("nullif(payload.mergedAt, '')") }} as merged_at

    from source

)

select * from renamed
