with

audits as (

    select * from {{ ref('int_load_audits_unioned') }}

),

final as (

    select
        audit_key,
        refresh_id,
        source,
        object,
        scope,
        status,
        message,
        api_count,
        extracted,
        loaded,
        rejected,
        deleted,
        acl_gap,
        window_from,
        window_to,
        finished_at

    from audits

)

select * from final
