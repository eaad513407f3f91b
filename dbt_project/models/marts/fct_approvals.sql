with

words as (

    select
        *,
        lead(decision) over words_of_one as next_decision,
        lead(decided_at) over words_of_one as next_decided_at

    from {{ ref('int_approvals_unioned') }}

    window words_of_one as (
        partition by
            coalesce(change_key, change_request_key, deployment_id, sha),
            case when deployment_id is null then raw_environment end,
            -- A change request has one approval, whoever gives it. What nobody is known to have
            -- said stands alone.
            case when kind <> 'change_request' then coalesce(approver_key, approval_id) end
        order by decided_at, approval_id
    )

),

given as (

    select
        *,
        case when decision = 'approved' and next_decision <> 'approved' then next_decided_at end
            as withdrawn_at

    from words

    where decision <> 'withdrawn'

),

changes as (

    select * from {{ ref('int_changes_unioned') }}

),

change_requests as (

    select * from {{ ref('int_change_requests_described') }}

),

deployments as (

    select * from {{ ref('int_deployments_located') }}

),

-- What an event approves it names by the id of the deployment, or by its commit.
named as (

    select
        given.approval_id,
        deployments.deployment_key

    from given

    inner join deployments
        on given.deployment_id = deployments.deployment_id

    union all

    select
        given.approval_id,
        deployments.deployment_key

    from given

    inner join deployments
        on
            given.sha = deployments.sha
            and coalesce(given.raw_environment, deployments.raw_environment)
            = deployments.raw_environment

    where given.deployment_id is null

),

final as (

    select
        case
            when given.kind = 'event' then given.approval_id || '>' || named.deployment_key
            else given.approval_id
        end as approval_key,
        given.source_system,
        given.kind,
        changes.change_key,
        change_requests.work_item_key as change_request_key,
        deployments.deployment_key,
        given.approver_key,
        given.decision = 'approved' as is_approved,
        coalesce(given.approver_type = 'bot', false) as is_by_program,
        given.decided_at,
        given.withdrawn_at

    from given

    left join changes
        on given.change_key = changes.change_key

    left join change_requests
        on given.change_request_key = change_requests.work_item_key

    left join named
        on given.approval_id = named.approval_id

    left join deployments
        on coalesce(given.deployment_key, named.deployment_key) = deployments.deployment_key

    where
        coalesce(
            changes.change_key, change_requests.work_item_key, deployments.deployment_key
        ) is not null

)

select * from final
