with

audits as (

    select * from {{ ref('stg_servicenow__audits') }}
    where field = 'approval' and changed_at <= {{ as_of() }}

),

-- Whatever follows decides: an approval, a refusal, or that it is asked for no longer.
followed as (

    select
        audit_id,
        work_item_key,
        to_value,
        changed_at as requested_at,
        lead(changed_at) over (
            partition by work_item_key
            order by changed_at, update_no, audit_id
        ) as decided_at

    from audits

),

final as (

    select
        audit_id,
        work_item_key,
        requested_at,
        decided_at

    from followed

    where to_value = 'requested'

)

select * from final
