with

reviews as (

    select
        review_id as approval_id,
        'review' as kind,
        split_part(review_id, ':', 1) as source_system,
        work_item_key as change_key,
        cast(null as varchar) as deployment_key,
        cast(null as varchar) as change_request_key,
        cast(null as varchar) as deployment_id,
        cast(null as varchar) as sha,
        cast(null as varchar) as raw_environment,
        author_key as approver_key,
        author_type as approver_type,
        case state when 'approved' then 'approved' else 'withdrawn' end as decision,
        submitted_at as decided_at

    from {{ ref('int_pull_request_reviews_unioned') }}

    where state in ('approved', 'changes_requested', 'dismissed')

),

change_requests as (

    select
        'servicenow:audit:' || audit_id as approval_id,
        'change_request' as kind,
        'servicenow' as source_system,
        cast(null as varchar) as change_key,
        cast(null as varchar) as deployment_key,
        work_item_key as change_request_key,
        cast(null as varchar) as deployment_id,
        cast(null as varchar) as sha,
        cast(null as varchar) as raw_environment,
        actor_key as approver_key,
        actor_type as approver_type,
        case to_value
            when 'approved' then 'approved' when 'rejected' then 'refused' else 'withdrawn'
        end as decision,
        changed_at as decided_at

    from {{ ref('stg_servicenow__audits') }}

    where field = 'approval'

),

-- GitHub lets a deployment run that waits for its environment's reviewers when one of them says so.
protected as (

    select
        environments.repository,
        environments.environment

    from {{ ref('stg_github__environments') }} as environments

    {{ each('environments.protection_rules', 'rule', 'rule_no') }}

    where rule.type = 'required_reviewers'

    group by 1, 2

),

waits as (

    select
        deployment_key,
        min(case when state = 'waiting' then created_at end) as waiting_at,
        max(case when state = 'in_progress' then created_at end) as running_at,
        max(case when state = 'in_progress' then status_key end) as status_key

    from {{ ref('stg_github__deployment_statuses') }}

    group by 1

),

environments as (

    select
        'github:status:' || waits.status_key as approval_id,
        'environment' as kind,
        'github' as source_system,
        cast(null as varchar) as change_key,
        deployments.deployment_key,
        cast(null as varchar) as change_request_key,
        cast(null as varchar) as deployment_id,
        cast(null as varchar) as sha,
        cast(null as varchar) as raw_environment,
        cast(null as varchar) as approver_key,
        cast(null as varchar) as approver_type,
        'approved' as decision,
        waits.running_at as decided_at

    from {{ ref('stg_github__deployments') }} as deployments

    inner join protected
        on
            deployments.repository = protected.repository
            and deployments.environment = protected.environment

    inner join waits
        on deployments.deployment_key = waits.deployment_key

    where waits.waiting_at <= waits.running_at

),

events as (

    select
        'inbox:' || inbox_event_key as approval_id,
        'event' as kind,
        'inbox' as source_system,
        cast(null as varchar) as change_key,
        cast(null as varchar) as deployment_key,
        cast(null as varchar) as change_request_key,
        approved_deployment_id as deployment_id,
        approved_sha as sha,
        raw_environment,
        approver_key,
        'human' as approver_type,
        case
            when event_type in ('approval.approved', 'approval.accepted', 'approval.granted')
                then 'approved'
            else 'refused'
        end as decision,
        occurred_at as decided_at

    from {{ ref('stg_inbox__events') }}

    where
        event_type in (
            'approval.approved', 'approval.accepted', 'approval.granted', 'approval.rejected',
            'approval.declined', 'approval.denied'
        )

),

unioned as (

    select * from reviews
    union all
    select * from change_requests
    union all
    select * from environments
    union all
    select * from events

)

select * from unioned

where decided_at <= {{ as_of() }}
