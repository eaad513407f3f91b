with

charts as (

    select * from {{ ref('metric_xmr') }}
    where metric = 'velocity'

),

final as (

    select
        value_stream_key || '|' || workflow || '|' || level || '|'
        || cast(week_start as varchar) as metric_throughput_xmr_key,
        value_stream_key,
        workflow,
        level,
        point_no,
        phase_no,
        n as velocity,
        baseline_n,
        centre,
        upper_limit,
        lower_limit,
        is_baseline,
        is_signal,
        signal,
        week_start

    from charts

)

select * from final
