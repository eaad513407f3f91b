with

described as (

    select * from {{ ref('int_deployments_located') }}

),

changes as (

    select * from {{ ref('int_changes_unioned') }}

),

carried as (

    select * from {{ ref('int_commits_carried') }}

),

requests as (

    select * from {{ ref('int_change_requests_described') }}

),

-- What the text of a deployment to production names, or that of the change whose commit it is.
numbers as (

    select
        deployment_key,
        change_number,
        'deployment_text' as method,
        2 as rank_no

    from {{ ref('stg_github__deployment_change_numbers') }}

    union all

    select
        described.deployment_key,
        keys.issue_key as change_number,
        'change_text' as method,
        3 as rank_no

    from {{ ref('stg_github__commit_issue_keys') }} as keys

    inner join described
        on
            described.code_source_system = 'github'
            and keys.repository = described.repository
            and keys.sha = described.sha

    union all

    select
        described.deployment_key,
        keys.issue_key as change_number,
        'change_text' as method,
        3 as rank_no

    from (
        select
            work_item_key,
            issue_key
        from {{ ref('stg_github__pull_request_issue_keys') }}
        union all
        select
            work_item_key,
            issue_key
        from {{ ref('stg_gitlab__merge_request_issue_keys') }}
    ) as keys

    inner join changes
        on keys.work_item_key = changes.change_key

    inner join described
        on
            changes.source_system = described.code_source_system
            and changes.repository = described.repository
            and changes.merge_commit_sha = described.sha

),

-- A change names its deployment by the id that the tool gave it, and an id of two tools names none;
-- or a deployment, or what it deploys, names its change by its number.
named as (

    select
        requests.work_item_key as change_request_key,
        max(deployments.deployment_key) as deployment_key,
        'correlation_id' as method,
        1 as rank_no,
        min(requests.requested_at) as requested_at

    from requests

    inner join described as deployments
        on requests.correlation_id = deployments.deployment_id

    group by 1

    having count(*) = 1

    union all

    select
        requests.work_item_key as change_request_key,
        deployments.deployment_key,
        numbers.method,
        numbers.rank_no,
        requests.requested_at

    from numbers

    inner join requests
        on numbers.change_number = requests.change_number

    inner join described as deployments
        on numbers.deployment_key = deployments.deployment_key

    where deployments.is_production

),

change_requests as (

    select
        deployment_key,
        change_request_key,
        method as change_request_method

    from (
        select
            *,
            row_number() over (
                partition by deployment_key
                order by rank_no, requested_at, change_request_key
            ) as place
        from named
    ) as placed

    where place = 1

),

-- What is known of a commit that merging made; the newest commit of what was merged stands for it.
commits as (

    select
        source_system,
        repository,
        sha,
        min(base_branch) as base_branch,
        max(case when is_hotfix then 1 else 0 end) = 1 as is_hotfix,
        max(merged_at) as merged_at

    from (
        select
            source_system,
            repository,
            merge_commit_sha as sha,
            base_branch,
            is_hotfix,
            merged_at
        from changes
        where merge_commit_sha is not null
        union all
        select
            source_system,
            repository,
            head_sha as sha,
            base_branch,
            is_hotfix,
            merged_at
        from changes
        where merged_at is not null and head_sha <> merge_commit_sha
    ) as shas

    group by 1, 2, 3

),

-- A place is a repository's environment as its tool names it: what runs there is replaced there.
successes as (

    select
        deployment_key,
        lag(deployment_key) over (
            partition by place_key
            order by finished_at, deployment_key
        ) as previous_deployment_key

    from described

    where result = 'success'

),

-- In order of their beginning: a slow part of the push before is no way back.
arrivals as (

    select
        deployment_key,
        previous_sha,
        case when sha = previous_sha then 0 else 1 end as arrived,
        min(arrival_at) over (partition by place_key, sha) as first_at

    from (
        select
            deployment_key,
            place_key,
            sha,
            row_number() over beginnings as arrival_at,
            lag(sha) over beginnings as previous_sha
        from described
        where result = 'success' and sha is not null
        window beginnings as (
            partition by place_key
            order by started_at, finished_at, deployment_key
        )
    ) as known

),

-- Where a commit stands: in the line of descent, where that is known, else by when it first came.
steps as (

    select
        arrivals.deployment_key,
        arrivals.arrived,
        case
            when arrivals.arrived = 0 or arrivals.previous_sha is null then false
            when
                described.is_production
                and here.generation is not null
                and before.generation is not null
                then
                    coalesce(here.deployment_key, '') <> arrivals.deployment_key
                    and here.generation < before.generation
            else arrivals.first_at < lag(arrivals.first_at) over (
                partition by described.place_key
                order by described.started_at, described.finished_at, described.deployment_key
            )
        end as is_back

    from arrivals

    inner join described
        on arrivals.deployment_key = described.deployment_key

    left join carried as here
        on
            described.code_source_system = here.source_system
            and described.repository = here.repository
            and described.sha = here.sha

    left join carried as before
        on
            described.code_source_system = before.source_system
            and described.repository = before.repository
            and arrivals.previous_sha = before.sha

),

numbered as (

    select
        described.*,
        sum(case when result = 'success' then 1 else 0 end) over (
            partition by place_key
            order by started_at, finished_at, deployment_key
            rows between unbounded preceding and current row
        ) as success_no

    from described

),

counted as (

    select
        numbered.*,
        successes.previous_deployment_key,
        coalesce(steps.is_back, false) as is_back,
        -- What failed, and succeeded when it was tried again within the hour, was one deployment.
        coalesce(
            numbered.result = 'failure'
            and after.sha = numbered.sha
            and {{ seconds_between('numbered.finished_at', 'after.started_at') }} < 3600,
            false
        ) as is_retried,
        -- The arrival of its commit at its place that it is, or that it tried to be.
        sum(coalesce(steps.arrived, 0)) over (
            partition by numbered.place_key, numbered.sha
            order by numbered.started_at, numbered.finished_at, numbered.deployment_key
            rows between unbounded preceding and current row
        ) as arrivals,
        case
            when
                numbered.result <> 'success'
                and coalesce(before.sha, '') <> coalesce(numbered.sha, '')
                then 1
            else 0
        end as tries

    from numbered

    left join successes
        on numbered.deployment_key = successes.deployment_key

    left join steps
        on numbered.deployment_key = steps.deployment_key

    left join numbered as before
        on
            numbered.place_key = before.place_key
            and numbered.success_no = before.success_no
            and before.result = 'success'

    left join numbered as after
        on
            numbered.place_key = after.place_key
            and numbered.success_no + 1 = after.success_no
            and after.result = 'success'

),

-- One commit of one service that comes to production is one release, wherever and however often it
-- is tried and deployed, and whoever tells of it.
releases as (

    select
        deployment_key,
        first_value(deployment_key) over (
            partition by service_key, coalesce(sha, deployment_key), arrivals + tries
            order by case when result = 'success' then 0 else 1 end, finished_at, deployment_key
        ) as release_deployment_key

    from counted

    where is_production and result in ('success', 'failure') and finished_at is not null

),

first_deployments as (

    select
        code_source_system,
        repository,
        min(finished_at) as finished_at

    from counted

    where is_production and result = 'success'

    group by 1, 2

),

rated as (

    select
        counted.deployment_key,
        counted.source_system,
        counted.code_source_system,
        counted.repository,
        counted.service_key,
        counted.environment_key,
        counted.raw_environment,
        counted.place_key,
        counted.sha,
        counted.deployer_key,
        counted.result,
        counted.previous_deployment_key,
        releases.release_deployment_key,
        change_requests.change_request_key,
        change_requests.change_request_method,
        counted.is_production,
        counted.result = 'success' and (
            counted.is_told_rollback or counted.is_back
        ) as is_rollback,
        coalesce(commits.is_hotfix, false) as is_hotfix_commit,
        commits.merged_at is not null or carried.sha is not null as is_commit_known,
        commits.base_branch,
        counted.is_retried,
        counted.is_production
        and counted.result = 'success'
        and counted.finished_at = first_deployments.finished_at as is_first_of_repository,
        commits.merged_at as commit_merged_at,
        counted.started_at,
        counted.finished_at

    from counted

    left join releases
        on counted.deployment_key = releases.deployment_key

    left join change_requests
        on counted.deployment_key = change_requests.deployment_key

    left join commits
        on
            counted.code_source_system = commits.source_system
            and counted.repository = commits.repository
            and counted.sha = commits.sha

    left join carried
        on
            counted.code_source_system = carried.source_system
            and counted.repository = carried.repository
            and counted.sha = carried.sha

    left join first_deployments
        on
            counted.code_source_system = first_deployments.code_source_system
            and counted.repository = first_deployments.repository

),

final as (

    select
        deployment_key,
        source_system,
        code_source_system,
        repository,
        service_key,
        environment_key,
        raw_environment,
        sha,
        deployer_key,
        result,
        previous_deployment_key,
        release_deployment_key,
        change_request_key,
        change_request_method,
        is_production,
        is_rollback,
        is_hotfix_commit and not is_rollback as is_hotfix,
        is_commit_known,
        is_retried,
        base_branch,
        coalesce(is_first_of_repository, false) as is_first_of_repository,
        commit_merged_at,
        started_at,
        finished_at,
        -- The success that followed in the same place, of a failed deployment too.
        min(case when result = 'success' then finished_at end) over (
            partition by place_key
            order by finished_at, deployment_key
            rows between 1 following and unbounded following
        ) as next_success_at

    from rated

)

select * from final
