with

deployments as (

    select * from {{ ref('fct_deployments') }}

),

changes as (

    select * from {{ ref('fct_changes') }}

),

runs as (

    select
        *,
        source_system || '|' || coalesce(repository, '') || '|' || pipeline as pipeline_key

    from {{ ref('fct_ci_runs') }}

),

approvals as (

    select * from {{ ref('fct_approvals') }}

),

brought as (

    select
        links.deployment_key,
        links.change_key,
        deployments.release_deployment_key

    from {{ ref('bridge_deployment_changes') }} as links

    inner join deployments
        on links.deployment_key = deployments.deployment_key

),

-- What came to production with changes, and what came without any that is known. A rollback brings
-- nothing that was not there.
subjects as (

    select
        deployment_key || '>' || change_key as metric_change_evidence_key,
        deployment_key,
        change_key
    from brought

    union all

    select
        deployments.deployment_key as metric_change_evidence_key,
        deployments.deployment_key,
        cast(null as varchar) as change_key

    from deployments

    left join brought
        on deployments.deployment_key = brought.release_deployment_key

    where
        deployments.release_deployment_key = deployments.deployment_key
        and deployments.result = 'success'
        and not deployments.is_rollback
        and brought.deployment_key is null

),

described as (

    select
        subjects.*,
        deployments.service_key,
        deployments.repository,
        deployments.source_system,
        deployments.sha,
        deployments.change_request_key,
        deployments.deployer_key,
        deployers.actor_type as deployer_type,
        deployments.started_at,
        deployments.finished_at,
        changes.source_system as change_source_system,
        changes.kind as change_kind,
        changes.author_key,
        changes.merge_commit_sha,
        changes.merged_at

    from subjects

    inner join deployments
        on subjects.deployment_key = deployments.deployment_key

    left join changes
        on subjects.change_key = changes.change_key

    left join {{ ref('dim_people') }} as deployers
        on deployments.deployer_key = deployers.person_key

),

-- The item that a change implements; the surest link proves it.
items as (

    select
        from_key as change_key,
        to_key as work_item_key,
        work_item_link_key,
        row_number() over (
            partition by from_key
            order by confidence desc, work_item_link_key
        ) as row_num

    from {{ ref('bridge_work_item_links') }}

    where link_type = 'implements'

),

nameless as (

    select
        change_key,
        sum(keys_without_item) as keys_without_item

    from {{ ref('fct_change_keys') }}

    where key_project <> 'change_request'

    group by 1

),

-- Approvals by somebody else that stood when the change was merged.
reviews as (

    select
        described.metric_change_evidence_key,
        described.deployer_key,
        approvals.approval_key,
        approvals.approver_key,
        row_number() over (
            partition by described.metric_change_evidence_key
            order by approvals.decided_at, approvals.approval_key
        ) as row_num

    from described

    inner join approvals
        on described.change_key = approvals.change_key

    where
        not approvals.is_by_program
        and approvals.approver_key is distinct from described.author_key
        and approvals.decided_at <= described.merged_at
        and coalesce(approvals.withdrawn_at, timestamp '9999-12-31') > described.merged_at

),

shas as (

    select
        metric_change_evidence_key,
        sha,
        finished_at as deployed_at,
        0 as distance
    from described

    union all

    select
        metric_change_evidence_key,
        merge_commit_sha as sha,
        finished_at as deployed_at,
        1 as distance
    from described

),

-- What CI said of the commit that was deployed, or else of the one that merging made, before the
-- deployment ended; a run that deploys itself ends after it, and counts if it passed.
built as (

    select
        shas.metric_change_evidence_key,
        runs.ci_run_key,
        runs.pipeline_key,
        runs.result,
        runs.finished_at,
        shas.distance

    from shas

    inner join runs
        on shas.sha = runs.head_sha

    where
        runs.result in ('success', 'failure', 'error', 'timeout')
        and (
            runs.finished_at <= shas.deployed_at
            or (
                runs.result = 'success'
                and coalesce(runs.started_at, runs.queued_at) <= shas.deployed_at
            )
        )

),

last_builds as (

    select *

    from (
        select
            *,
            min(distance) over (partition by metric_change_evidence_key) as nearest,
            row_number() over (
                partition by metric_change_evidence_key, distance, pipeline_key
                order by finished_at desc, ci_run_key
            ) as row_num
        from built
    ) as placed

    where row_num = 1 and distance = nearest

),

builds as (

    select
        metric_change_evidence_key,
        ci_run_key,
        result = 'success' as is_green,
        row_number() over (
            partition by metric_change_evidence_key
            order by case when result = 'success' then 1 else 0 end, finished_at desc, ci_run_key
        ) as row_num

    from last_builds

),

-- Since when runs of a repository are known; what was deleted before it was read is not.
known_runs as (

    select
        repository,
        min(coalesce(queued_at, started_at)) as first_run_at

    from runs

    group by 1

),

-- Read in order of time, what lies between the ends of a gap is not known.
moments as (

    select
        metric_change_evidence_key,
        repository,
        finished_at as happened_at,
        0 as opened,
        1 as sort_order
    from described

    union all

    select
        cast(null as varchar) as metric_change_evidence_key,
        scope as repository,
        coalesce(gap_from, timestamp '0001-01-01') as happened_at,
        1 as opened,
        0 as sort_order
    from {{ ref('history_gaps') }}

    union all

    select
        cast(null as varchar) as metric_change_evidence_key,
        scope as repository,
        gap_to as happened_at,
        -1 as opened,
        0 as sort_order
    from {{ ref('history_gaps') }}

),

gapped as (

    select
        metric_change_evidence_key,
        sum(opened) over (
            partition by repository
            order by happened_at, sort_order
            rows between unbounded preceding and current row
        ) as open_gaps

    from moments

),

unknown_builds as (

    select metric_change_evidence_key

    from gapped

    where open_gaps > 0

),

-- Approvals before the deployment began: its own, and those of its change request.
approved as (

    select
        described.metric_change_evidence_key,
        approvals.approval_key,
        approvals.is_by_program,
        approvals.decided_at

    from described

    inner join approvals
        on described.deployment_key = approvals.deployment_key

    where
        approvals.is_approved
        and approvals.decided_at <= described.started_at
        and coalesce(approvals.withdrawn_at, timestamp '9999-12-31') > described.started_at

    union all

    select
        described.metric_change_evidence_key,
        approvals.approval_key,
        approvals.is_by_program,
        approvals.decided_at

    from described

    inner join approvals
        on described.change_request_key = approvals.change_request_key

    where
        approvals.is_approved
        and approvals.decided_at <= described.started_at
        and coalesce(approvals.withdrawn_at, timestamp '9999-12-31') > described.started_at

),

first_approvals as (

    select
        metric_change_evidence_key,
        approval_key,
        row_number() over (
            partition by metric_change_evidence_key
            order by decided_at, approval_key
        ) as row_num

    from approved

),

audited as (

    select change_request_key

    from approvals

    group by 1

),

-- A standard change is approved in advance, whoever audits approvals.
change_requests as (

    select
        requests.work_item_key,
        case when requests.is_automated then requests.requested_at end as approved_at

    from {{ ref('fct_change_requests') }} as requests

    left join audited
        on requests.work_item_key = audited.change_request_key

    where audited.change_request_key is null

),

-- Services of which it is known that somebody approves what is deployed.
asking as (

    select described.service_key

    from described

    inner join approved
        on described.metric_change_evidence_key = approved.metric_change_evidence_key

    group by 1

),

-- Who reviewed it, and is not the author. Whether people of two tools are the same cannot be known.
others as (

    select
        metric_change_evidence_key,
        count(case when approver_key is distinct from deployer_key then 1 end)
            as approvers_who_did_not_deploy

    from reviews

    group by 1

),

-- Who approved in another tool, or who let it run at GitHub, may be anybody.
strangers as (

    select metric_change_evidence_key

    from approved

    where not is_by_program

    group by 1

),

final as (

    select
        described.metric_change_evidence_key,
        described.deployment_key,
        described.change_key,
        described.change_request_key,
        described.service_key,
        case
            when items.work_item_key is not null then 'yes'
            when described.change_key is null or nameless.keys_without_item > 0 then 'not_known'
            else 'no'
        end as item,
        items.work_item_key,
        items.work_item_link_key,
        case
            when described.change_key is null then 'not_known'
            when reviews.approval_key is null then 'no'
            when described.author_key is null then 'not_known'
            else 'yes'
        end as review,
        reviews.approval_key as review_approval_key,
        case
            when builds.is_green then 'yes'
            when builds.ci_run_key is not null then 'no'
            when
                known_runs.first_run_at <= described.started_at
                and unknown_builds.metric_change_evidence_key is null
                then 'no'
            else 'not_known'
        end as build,
        builds.ci_run_key,
        case
            when
                first_approvals.approval_key is not null
                or change_requests.approved_at <= described.started_at
                then 'yes'
            when described.change_request_key is not null or asking.service_key is not null
                then 'no'
            else 'not_known'
        end as approval,
        first_approvals.approval_key,
        case
            when described.author_key is null then 'not_known'
            when described.deployer_key = described.author_key then 'no'
            when others.metric_change_evidence_key is null
                then
                    case
                        when strangers.metric_change_evidence_key is null then 'no'
                        else 'not_known'
                    end
            when described.deployer_type = 'bot' then 'yes'
            when
                described.deployer_key is null
                or described.source_system <> described.change_source_system
                then 'not_known'
            when others.approvers_who_did_not_deploy > 0 then 'yes'
            else 'no'
        end as separation,
        described.merged_at,
        described.finished_at as deployed_at

    from described

    left join items
        on described.change_key = items.change_key and items.row_num = 1

    left join nameless
        on described.change_key = nameless.change_key

    left join reviews
        on
            described.metric_change_evidence_key = reviews.metric_change_evidence_key
            and reviews.row_num = 1

    left join builds
        on
            described.metric_change_evidence_key = builds.metric_change_evidence_key
            and builds.row_num = 1

    left join known_runs
        on described.repository = known_runs.repository

    left join unknown_builds
        on described.metric_change_evidence_key = unknown_builds.metric_change_evidence_key

    left join first_approvals
        on
            described.metric_change_evidence_key = first_approvals.metric_change_evidence_key
            and first_approvals.row_num = 1

    left join change_requests
        on described.change_request_key = change_requests.work_item_key

    left join asking
        on described.service_key = asking.service_key

    left join others
        on described.metric_change_evidence_key = others.metric_change_evidence_key

    left join strangers
        on described.metric_change_evidence_key = strangers.metric_change_evidence_key

)

select * from final
