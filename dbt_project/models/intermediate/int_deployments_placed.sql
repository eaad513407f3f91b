with

located as (

    select * from {{ ref('int_deployments_located') }}

),

changes as (

    select * from {{ ref('int_changes_unioned') }}

),

carried_commits as (

    select * from {{ ref('int_commits_carried') }}

),

change_requests as (

    select * from {{ ref('int_change_requests_described') }}

),

-- Numbers of change requests that texts name: the text of a deployment, of the commit that it
-- deploys, or of the pull or merge request that this commit merged. A lower rank is surer.
change_numbers as (

    select
        deployment_key,
        change_number,
        'deployment_text' as method,
        2 as method_rank

    from {{ ref('stg_github__deployment_change_numbers') }}

    union all

    select
        located.deployment_key,
        keys.issue_key as change_number,
        'change_text' as method,
        3 as method_rank

    from {{ ref('stg_github__commit_issue_keys') }} as keys

    inner join located
        on
            located.code_source_system = 'github'
            and keys.repository = located.repository
            and keys.sha = located.sha

    union all

    select
        located.deployment_key,
        keys.issue_key as change_number,
        'change_text' as method,
        3 as method_rank

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

    inner join located
        on
            changes.source_system = located.code_source_system
            and changes.repository = located.repository
            and changes.merge_commit_sha = located.sha

),

-- Pairs of a change request and a deployment: the change request holds the deployment's id (an id
-- that two tools gave is left out: it is not known which is meant), or a text names the change
-- request.
candidates as (

    select
        change_requests.work_item_key as change_request_key,
        max(deployments.deployment_key) as deployment_key,
        'correlation_id' as method,
        1 as method_rank,
        min(change_requests.requested_at) as requested_at

    from change_requests

    inner join located as deployments
        on change_requests.correlation_id = deployments.deployment_id

    group by 1

    having count(*) = 1

    union all

    select
        change_requests.work_item_key as change_request_key,
        deployments.deployment_key,
        change_numbers.method,
        change_numbers.method_rank,
        change_requests.requested_at

    from change_numbers

    inner join change_requests
        on change_numbers.change_number = change_requests.change_number

    inner join located as deployments
        on change_numbers.deployment_key = deployments.deployment_key

    where deployments.is_production

),

-- One row per deployment: of several change requests the surest, then the one requested first.
chosen_requests as (

    select
        deployment_key,
        change_request_key,
        method as change_request_method

    from (
        select
            *,
            row_number() over (
                partition by deployment_key
                order by method_rank, requested_at, change_request_key
            ) as candidate_rank
        from candidates
    ) as ranked

    where candidate_rank = 1

),

-- What is known of a commit from the pull or merge request that it merged. Tools may deploy the
-- head commit of one that was merged instead of the merge commit: both have a row.
merged_commits as (

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

-- A place (place_key) is an environment of a repository as one tool names it: a new deployment
-- there replaces the one before it.
previous_successes as (

    select
        deployment_key,
        lag(deployment_key) over (
            partition by place_key
            order by finished_at, deployment_key
        ) as previous_deployment_key

    from located

    where result = 'success'

),

-- Successful deployments with a known commit, numbered in each place from 1 in the order of their
-- start. Not of their end: a slow deployment of the push before may end last and is not a rollback.
-- arrived: 0 where the success before it was of the same commit, else 1; they are summed below.
arrivals as (

    select
        deployment_key,
        previous_sha,
        case when sha = previous_sha then 0 else 1 end as arrived,
        min(success_seq) over (partition by place_key, sha) as first_success_seq

    from (
        select
            deployment_key,
            place_key,
            sha,
            row_number() over by_start as success_seq,
            lag(sha) over by_start as previous_sha
        from located
        where result = 'success' and sha is not null
        window by_start as (
            partition by place_key
            order by started_at, finished_at, deployment_key
        )
    ) as in_order

),

-- Whether a deployment goes back to an earlier commit. Earlier is, where both commits have a
-- generation (production only), the smaller one; else what was first deployed to the place earlier.
-- The deployment that first carried its commit to production never goes back.
directions as (

    select
        arrivals.deployment_key,
        arrivals.arrived,
        case
            when arrivals.arrived = 0 or arrivals.previous_sha is null then false
            when
                located.is_production
                and this_commit.generation is not null
                and previous_commit.generation is not null
                then
                    coalesce(this_commit.deployment_key, '') <> arrivals.deployment_key
                    and this_commit.generation < previous_commit.generation
            else arrivals.first_success_seq < lag(arrivals.first_success_seq) over (
                partition by located.place_key
                order by located.started_at, located.finished_at, located.deployment_key
            )
        end as is_back

    from arrivals

    inner join located
        on arrivals.deployment_key = located.deployment_key

    left join carried_commits as this_commit
        on
            located.code_source_system = this_commit.source_system
            and located.repository = this_commit.repository
            and located.sha = this_commit.sha

    left join carried_commits as previous_commit
        on
            located.code_source_system = previous_commit.source_system
            and located.repository = previous_commit.repository
            and arrivals.previous_sha = previous_commit.sha

),

-- success_no counts the successes in the place until this deployment, itself included.
numbered as (

    select
        located.*,
        sum(case when result = 'success' then 1 else 0 end) over (
            partition by place_key
            order by started_at, finished_at, deployment_key
            rows between unbounded preceding and current row
        ) as success_no

    from located

),

-- last_success is the latest success in the place until this deployment, which may be itself.
with_neighbours as (

    select
        numbered.*,
        previous_successes.previous_deployment_key,
        coalesce(directions.is_back, false) as is_back,
        -- A failure whose commit succeeded at the next success, begun less than 3,600 s after its
        -- end, counts as an attempt of that deployment.
        coalesce(
            numbered.result = 'failure'
            and next_success.sha = numbered.sha
            and {{ seconds_between('numbered.finished_at', 'next_success.started_at') }} < 3600,
            false
        ) as is_retried,
        -- arrival_no + failed_attempt: which arrival of its commit in its place this is; a
        -- failed attempt to replace another commit counts as the arrival that it would have been.
        sum(coalesce(directions.arrived, 0)) over (
            partition by numbered.place_key, numbered.sha
            order by numbered.started_at, numbered.finished_at, numbered.deployment_key
            rows between unbounded preceding and current row
        ) as arrival_no,
        case
            when
                numbered.result <> 'success'
                and coalesce(last_success.sha, '') <> coalesce(numbered.sha, '')
                then 1
            else 0
        end as failed_attempt

    from numbered

    left join previous_successes
        on numbered.deployment_key = previous_successes.deployment_key

    left join directions
        on numbered.deployment_key = directions.deployment_key

    left join numbered as last_success
        on
            numbered.place_key = last_success.place_key
            and numbered.success_no = last_success.success_no
            and last_success.result = 'success'

    left join numbered as next_success
        on
            numbered.place_key = next_success.place_key
            and numbered.success_no + 1 = next_success.success_no
            and next_success.result = 'success'

),

-- A release is one commit of one service that arrives in production, in however many places and
-- attempts, and by however many tools. Its key is its first success, else its first failure.
releases as (

    select
        deployment_key,
        first_value(deployment_key) over (
            partition by service_key, coalesce(sha, deployment_key), arrival_no + failed_attempt
            order by case when result = 'success' then 0 else 1 end, finished_at, deployment_key
        ) as release_deployment_key

    from with_neighbours

    where is_production and result in ('success', 'failure') and finished_at is not null

),

-- When the first successful deployment of a repository to production ended.
first_deployments as (

    select
        code_source_system,
        repository,
        min(finished_at) as finished_at

    from with_neighbours

    where is_production and result = 'success'

    group by 1, 2

),

joined as (

    select
        with_neighbours.deployment_key,
        with_neighbours.source_system,
        with_neighbours.code_source_system,
        with_neighbours.repository,
        with_neighbours.service_key,
        with_neighbours.environment_key,
        with_neighbours.raw_environment,
        with_neighbours.place_key,
        with_neighbours.sha,
        with_neighbours.deployer_key,
        with_neighbours.result,
        with_neighbours.previous_deployment_key,
        releases.release_deployment_key,
        chosen_requests.change_request_key,
        chosen_requests.change_request_method,
        with_neighbours.is_production,
        with_neighbours.result = 'success' and (
            with_neighbours.is_told_rollback or with_neighbours.is_back
        ) as is_rollback,
        coalesce(merged_commits.is_hotfix, false) as is_hotfix_commit,
        merged_commits.merged_at is not null or carried_commits.sha is not null as is_commit_known,
        merged_commits.base_branch,
        with_neighbours.is_retried,
        with_neighbours.is_production
        and with_neighbours.result = 'success'
        and with_neighbours.finished_at = first_deployments.finished_at as is_first_of_repository,
        merged_commits.merged_at as commit_merged_at,
        with_neighbours.started_at,
        with_neighbours.finished_at

    from with_neighbours

    left join releases
        on with_neighbours.deployment_key = releases.deployment_key

    left join chosen_requests
        on with_neighbours.deployment_key = chosen_requests.deployment_key

    left join merged_commits
        on
            with_neighbours.code_source_system = merged_commits.source_system
            and with_neighbours.repository = merged_commits.repository
            and with_neighbours.sha = merged_commits.sha

    left join carried_commits
        on
            with_neighbours.code_source_system = carried_commits.source_system
            and with_neighbours.repository = carried_commits.repository
            and with_neighbours.sha = carried_commits.sha

    left join first_deployments
        on
            with_neighbours.code_source_system = first_deployments.code_source_system
            and with_neighbours.repository = first_deployments.repository

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
        -- For a failed deployment too: when its place worked again.
        min(case when result = 'success' then finished_at end) over (
            partition by place_key
            order by finished_at, deployment_key
            rows between 1 following and unbounded following
        ) as next_success_at

    from joined

)

select * from final
