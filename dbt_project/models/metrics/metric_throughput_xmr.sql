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
        time_zone,
        point_no,
        phase_no,
        n as velocity,
        baseline_method,
        no_limits_reason,
        baseline_n,
        centre,
        upper_limit,
        lower_limit,
        expected_false_alarm_share,
        is_baseline,
        is_signal,
        signal,
        is_complete_period,
        week_start,
        baseline_start,
        baseline_end

    from charts

)

select * from final
