-- The mean moving range again, by pairing every point of the baseline with the one before it, and
-- the factors 2.66 = 3 / d2 and 3.268 = 1 + 3 d3 / d2 from d2 = 1.128 and d3 = 0.853.
with

limits as (

    select
        metric,
        value_stream_key,
        workflow,
        level,
        phase_no,
        baseline_start,
        baseline_end

    from {{ ref('metric_xmr') }}

    where centre is not null

    group by 1, 2, 3, 4, 5, 6, 7

),

baseline as (

    select
        limits.metric,
        limits.value_stream_key,
        limits.workflow,
        limits.level,
        limits.phase_no,
        points.value,
        row_number() over (
            partition by
                limits.metric, limits.value_stream_key, limits.workflow, limits.level,
                limits.phase_no
            order by points.week_start
        ) as row_num

    from limits

    inner join {{ ref('metric_xmr') }} as points
        on
            limits.metric = points.metric
            and limits.value_stream_key = points.value_stream_key
            and limits.workflow = points.workflow
            and limits.level = points.level
            and points.week_start >= limits.baseline_start
            and cast(points.week_start + interval '6' day as date) <= limits.baseline_end

),

expected as (

    select
        points.metric,
        points.value_stream_key,
        points.workflow,
        points.level,
        points.phase_no,
        count(*) as baseline_n,
        sum(points.value) / count(*) as centre,
        sum(abs(points.value - earlier.value)) / (count(*) - 1) as mean_range

    from baseline as points

    left join baseline as earlier
        on
            points.metric = earlier.metric
            and points.value_stream_key = earlier.value_stream_key
            and points.workflow = earlier.workflow
            and points.level = earlier.level
            and points.phase_no = earlier.phase_no
            and points.row_num = earlier.row_num + 1

    group by 1, 2, 3, 4, 5

)

select
    charts.metric_xmr_key,
    charts.centre,
    expected.centre as expected_centre,
    charts.upper_limit,
    charts.range_limit,
    expected.mean_range

from {{ ref('metric_xmr') }} as charts

left join expected
    on
        charts.metric = expected.metric
        and charts.value_stream_key = expected.value_stream_key
        and charts.workflow = expected.workflow
        and charts.level = expected.level
        and charts.phase_no = expected.phase_no

where
    charts.centre is not null
    and (
        expected.centre is null
        or charts.baseline_n <> expected.baseline_n
        or charts.baseline_n < 20
        or abs(charts.centre - expected.centre) > 0.000001
        or abs(charts.upper_limit - charts.centre - 3 / 1.128 * expected.mean_range)
        > 0.001 * expected.mean_range + 0.000001
        or abs(charts.range_limit - (1 + 3 * 0.853 / 1.128) * expected.mean_range)
        > 0.001 * expected.mean_range + 0.000001
        or charts.metric = 'velocity' and charts.lower_limit < 0
        or charts.lower_limit > charts.centre
    )
    or (charts.centre is null) <> (charts.no_limits_reason is not null)
    or (charts.baseline_method = 'none') <> (charts.no_limits_reason is not null)
    or (charts.centre is null) <> (charts.is_signal is null)
