with

changes as (

    select * from {{ ref('int_changes_unioned') }}
    where merged_at is not null

),

deployments as (

    select * from {{ ref('int_deployments_placed') }}
    where is_production and result = 'success'

),

carried as (

    select
        commits.*,
        deployments.finished_at

    from {{ ref('int_commits_carried') }} as commits

    left join deployments
        on commits.deployment_key = deployments.deployment_key

),

commits as (

    select * from {{ ref('int_commits_unioned') }}

),

-- What was merged, or the branch that it was merged from, is behind what was deployed. A branch
-- that ran before it was merged was not this change yet.
by_descent as (

    select
        changes.change_key,
        case
            when
                by_head.finished_at >= changes.merged_at
                and by_head.finished_at < coalesce(by_merge.finished_at, timestamp '9999-01-01')
                then by_head.deployment_key
            else by_merge.deployment_key
        end as deployment_key,
        commits.sha is not null as is_commit_known,
        by_merge.sha is not null and by_merge.deployment_key is null as is_behind_first

    from changes

    left join commits
        on
            changes.source_system = commits.source_system
            and changes.repository = commits.repository
            and changes.merge_commit_sha = commits.sha

    left join carried as by_merge
        on
            changes.source_system = by_merge.source_system
            and changes.repository = by_merge.repository
            and changes.merge_commit_sha = by_merge.sha

    left join carried as by_head
        on
            changes.source_system = by_head.source_system
            and changes.repository = by_head.repository
            and changes.head_sha = by_head.sha

),

-- Where nobody shows the commits: what was merged to a branch before a commit of it is behind it.
moments as (

    select
        source_system,
        repository,
        base_branch,
        merged_at as happened_at,
        change_key,
        cast(null as timestamp) as deployed_at

    from changes

    union all

    select
        code_source_system as source_system,
        repository,
        base_branch,
        least(commit_merged_at, finished_at) as happened_at,
        cast(null as varchar) as change_key,
        finished_at as deployed_at

    from deployments

    where commit_merged_at is not null

),

-- Read backwards, the earliest deployment so far is the first one that carries what is read.
timed as (

    select
        change_key,
        min(deployed_at) over (
            partition by source_system, repository, base_branch
            order by happened_at desc
            range between unbounded preceding and current row
        ) as deployed_at

    from moments

),

-- Two deployments that end in one second: the one of the change's own commit brought it.
by_order as (

    select
        changes.change_key,
        deployments.deployment_key,
        deployments.is_first_of_repository
        and deployments.sha not in (
            coalesce(changes.merge_commit_sha, ''), coalesce(changes.head_sha, '')
        ) as is_behind_first,
        row_number() over (
            partition by changes.change_key
            order by
                case
                    when deployments.sha = changes.merge_commit_sha then 0
                    when deployments.sha = changes.head_sha then 1
                    else 2
                end,
                deployments.deployment_key
        ) as row_num

    from timed

    inner join changes
        on timed.change_key = changes.change_key

    inner join deployments
        on
            changes.source_system = deployments.code_source_system
            and changes.repository = deployments.repository
            and changes.base_branch is not distinct from deployments.base_branch
            and timed.deployed_at = deployments.finished_at
            and changes.merged_at <= deployments.commit_merged_at

),

-- What GitLab says that a deployment brought; the first known one brought what was there before.
by_word as (

    select
        words.work_item_key as change_key,
        deployments.deployment_key,
        deployments.is_first_of_repository
        and deployments.sha not in (
            coalesce(changes.merge_commit_sha, ''), coalesce(changes.head_sha, '')
        ) as is_behind_first,
        row_number() over (
            partition by words.work_item_key
            order by deployments.finished_at, deployments.deployment_key
        ) as row_num

    from {{ ref('stg_gitlab__deployment_merge_requests') }} as words

    inner join deployments
        on words.deployment_key = deployments.deployment_key

    inner join changes
        on words.work_item_key = changes.change_key

    where deployments.finished_at >= changes.merged_at

),

found as (

    select
        by_descent.change_key,
        by_descent.deployment_key is null
        and not by_descent.is_commit_known
        and by_word.change_key is not null as is_by_word,
        by_descent.deployment_key is null and not by_descent.is_commit_known as is_by_order,
        case
            when by_descent.deployment_key is not null or by_descent.is_commit_known
                then by_descent.deployment_key
            when by_word.change_key is not null
                then case when not by_word.is_behind_first then by_word.deployment_key end
            when not by_order.is_behind_first then by_order.deployment_key
        end as deployment_key,
        coalesce(
            case
                when by_descent.deployment_key is not null then false
                when by_descent.is_commit_known then by_descent.is_behind_first
                when by_word.change_key is not null then by_word.is_behind_first
                else by_order.is_behind_first
            end,
            false
        ) as is_behind_first

    from by_descent

    left join by_word
        on by_descent.change_key = by_word.change_key and by_word.row_num = 1

    left join by_order
        on by_descent.change_key = by_order.change_key and by_order.row_num = 1

),

final as (

    select
        found.change_key,
        found.deployment_key,
        case
            when found.deployment_key is null then null
            when deployments.sha in (changes.merge_commit_sha, changes.head_sha) then 'sha'
            when found.is_by_word then 'source'
            when found.is_by_order then 'merge_order'
            else 'descent'
        end as method,
        found.is_behind_first,
        deployments.is_first_of_repository,
        deployments.finished_at as deployed_at

    from found

    inner join changes
        on found.change_key = changes.change_key

    left join deployments
        on found.deployment_key = deployments.deployment_key

)

select * from final
