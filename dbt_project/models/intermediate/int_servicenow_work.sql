with

audits as (

    select * from {{ ref('stg_servicenow__audits') }}
    where changed_at <= {{ as_of() }}

),

-- Whoever is given a record, takes it over from somebody or notes what was done, works on it.
-- What is merely taken away from somebody is not work, and what a program does is nobody's.
final as (

    select
        audit_id,
        work_item_key,
        field,
        coalesce(update_no, 0) as update_no,
        changed_at

    from audits

    where
        coalesce(actor_type, 'human') <> 'bot'
        and (
            field in ('assigned_to', 'assignment_group') and to_value is not null
            or field = 'work_notes'
        )

)

select * from final
