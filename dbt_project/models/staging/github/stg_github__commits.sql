with

source as (

    select
        repository,
        sha,
        first_parent,
        authored_at,
        committed_at,
        {{ parse_json('payload', {
            'parents': ['VARCHAR'],
            'author': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'},
            'is_revert': 'BOOLEAN',
            'is_hotfix': 'BOOLEAN',
            'ai_assistance': 'VARCHAR',
            'ai_method': 'VARCHAR',
            'pull_request_no': 'BIGINT'
        }) }} as payload

    from {{ source('github', 'commits') }}

),

repositories as (

    select
        full_name,
        min(id) as repository_id

    from {{ source('github', 'repositories') }}

    group by 1

),

-- A renamed repository is read again under its present name.
read_again as (

    select source.sha

    from source

    inner join repositories
        on source.repository = repositories.full_name

    group by 1

),

main_lines as (

    select
        repository,
        sha

    from {{ source('github', 'main_lines') }}

),

merged_branches as (

    select
        source.repository,
        source.sha,
        min(case when parent_no = 2 then parent_sha end) as second_parent_sha

    from source

    {{ each('source.payload.parents', 'parent_sha', 'parent_no') }}

    group by 1, 2

),

renamed as (

    select
        'github:commit:' || source.repository || ':' || source.sha as commit_key,
        source.repository,
        source.sha,
        source.first_parent as first_parent_sha,
        merged_branches.second_parent_sha,
        source.payload.parents as parent_shas,
        source.payload.author.person_key as author_key,
        source.payload.author.actor_type as author_type,
        main_lines.sha is not null as is_on_main_line,
        coalesce(source.payload.is_revert, false) as is_revert,
        coalesce(source.payload.is_hotfix, false) as is_hotfix,
        coalesce(source.payload.ai_assistance, 'unknown') as ai_assistance,
        source.payload.ai_method as ai_method,
        source.payload.pull_request_no as pull_request_no,
        {{ utc('source.authored_at', '1970-01-01') }} as authored_at,
        {{ utc('source.committed_at') }} as committed_at

    from source

    left join merged_branches
        on source.repository = merged_branches.repository and source.sha = merged_branches.sha

    left join main_lines
        on source.repository = main_lines.repository and source.sha = main_lines.sha

    left join repositories
        on source.repository = repositories.full_name

    left join read_again
        on source.sha = read_again.sha

    where repositories.full_name is not null or read_again.sha is null

)

select * from renamed
