with

actors as (

    select
        actor_key as person_key,
        actor_type
    from {{ ref('int_status_transitions') }}
    union all
    select
        author_key as person_key,
        author_type as actor_type
    from {{ ref('int_changes_unioned') }}
    union all
    select
        approver_key as person_key,
        approver_type as actor_type
    from {{ ref('int_approvals_unioned') }}
    union all
    select
        deployer_key as person_key,
        deployer_type as actor_type
    from {{ ref('int_deployments_unioned') }}

),

-- Whoever was once seen as a bot is one.
final as (

    select
        person_key,
        case
            when count(case when actor_type = 'bot' then 1 end) > 0 then 'bot'
            else 'human'
        end as actor_type,
        'unassigned' as team_key

    from actors

    where person_key is not null

    group by 1

)

select * from final
