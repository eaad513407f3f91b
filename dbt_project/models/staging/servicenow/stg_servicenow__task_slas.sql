with

source as (

    select
        *,
        {{ parse_json('payload', {'percentage': 'VARCHAR', 'business_percentage': 'VARCHAR'}) }}
            as details

    from {{ source('servicenow', 'task_slas') }}

),

renamed as (

    select
        sys_id as task_sla_id,
        task_id,
        sla_id,
        stage,
        is_active,
        has_breached,
        duration_s,
        business_duration_s,
        pause_duration_s,
        {{ safe_cast_text('details.percentage', 'double') }} / 100 as elapsed_share,
        {{ safe_cast_text('details.business_percentage', 'double') }} / 100
            as business_elapsed_share,
        {{ utc('started_at') }} as started_at,
        {{ utc('ended_at') }} as ended_at,
        {{ utc('planned_end_at') }} as planned_end_at,
        {{ utc('sys_updated_at') }} as updated_at

    from source

)

select * from renamed
