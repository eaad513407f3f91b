with

baselines as (

    select
        *,
        row_number() over in_order as phase_no,
        lead(baseline_start) over in_order as applies_to

    from {{ ref('xmr_baselines') }}

    window in_order as (
        partition by metric, value_stream_key, workflow, level
        order by baseline_start
    )

),

final as (

    select
        metric || '|' || value_stream_key || '|' || workflow || '|' || level || '|'
        || cast(baseline_start as varchar) as xmr_baseline_key,
        metric,
        value_stream_key,
        workflow,
        level,
        cast(phase_no as bigint) as phase_no,
        baseline_start,
        baseline_end,
        case when phase_no > 1 then baseline_start end as applies_from,
        applies_to

    from baselines

)

select * from final
