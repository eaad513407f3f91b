with

final as (

    select
        facts.approval_key,
        facts.source_system,
        facts.kind,
        facts.change_key,
        pulls.item_key as change_item_key,
        facts.change_request_key,
        requests.item_key as change_request,
        facts.deployment_key,
        facts.is_approved,
        facts.is_by_program,
        facts.decided_at,
        facts.withdrawn_at

    from {{ ref('fct_approvals') }} as facts

    left join {{ ref('dim_work_items') }} as pulls
        on
            facts.change_key = pulls.work_item_key
            and pulls.is_current

    left join {{ ref('dim_work_items') }} as requests
        on
            facts.change_request_key = requests.work_item_key
            and requests.is_current

)

select * from final
