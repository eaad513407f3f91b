with

audits as (

    select * from {{ ref('stg_servicenow__audits') }}
    where field = 'approval' and changed_at <= {{ as_of() }}

),

spans as (

    select
        work_item_key,
        to_value,
        actor_type,
        changed_at,
        row_number() over (
            partition by work_item_key, to_value
            order by changed_at, update_no, audit_id
        ) as time_no

    from audits

),

final as (

    select
        work_item_key,
        min(case when to_value = 'requested' then changed_at end) as requested_at,
        min(case when to_value = 'approved' then changed_at end) as approved_at,
        max(case when to_value = 'rejected' then changed_at end) as rejected_at,
        max(case when to_value = 'approved' and time_no = 1 then actor_type end) = 'bot'
            as is_automated

    from spans

    group by 1

)

select * from final
