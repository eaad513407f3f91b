with

-- Who has a goal for a number: a KPI's target, whose lines have dates, or a key result, which has
-- those of its objective. What a line leaves empty is everything.
goals as (

    select
        'kpi' as kind,
        target_key as goal_key,
        cast(null as varchar) as objective_key,
        metric,
        entity_type,
        entity_key,
        value_stream_key,
        workflow,
        level,
        work_type,
        part,
        period,
        better,
        owner_team_key,
        cast(null as double) as baseline,
        target,
        coalesce(valid_from, date '0001-01-01') as first_day,
        coalesce(cast(valid_to - interval '1' day as date), date '9999-12-31') as last_day

    from {{ ref('targets') }}

    union all

    select
        'key_result' as kind,
        results.key_result_key as goal_key,
        results.objective_key,
        results.metric,
        results.entity_type,
        results.entity_key,
        results.value_stream_key,
        results.workflow,
        results.level,
        results.work_type,
        results.part,
        results.period,
        results.better,
        objectives.owner_team_key,
        results.baseline,
        results.target,
        objectives.starts_on as first_day,
        objectives.ends_on as last_day

    from {{ ref('key_results') }} as results

    inner join {{ ref('objectives') }} as objectives
        on results.objective_key = objectives.objective_key

),

named as (

    select
        kind,
        goal_key,
        objective_key,
        metric,
        entity_type,
        entity_key,
        coalesce(
            value_stream_key, case when entity_type = 'value_stream' then entity_key end, 'all'
        ) as value_stream_key,
        coalesce(workflow, 'all') as workflow,
        coalesce(level, 'all') as level,
        coalesce(work_type, 'all') as work_type,
        coalesce(part, 'all') as part,
        coalesce(period, 'loaded') as period,
        better,
        owner_team_key,
        baseline,
        target,
        first_day,
        last_day

    from goals

    where first_day <= cast({{ as_of() }} as date)

),

-- A period belongs to the line that holds on its first day.
measured as (

    select
        named.kind,
        named.goal_key,
        named.first_day,
        observations.value,
        observations.n,
        observations.is_complete_period,
        observations.period_start,
        observations.period_end

    from named

    inner join {{ ref('fct_metric_observations') }} as observations
        on
            named.metric = observations.metric
            and named.entity_type = observations.entity_type
            and named.entity_key = observations.entity_key
            and named.value_stream_key = observations.value_stream_key
            and named.workflow = observations.workflow
            and named.level = observations.level
            and named.work_type = observations.work_type
            and named.part = observations.part
            and named.period = observations.period
            and observations.period_start >= named.first_day
            and observations.period_start <= named.last_day

    union all

    select
        named.kind,
        named.goal_key,
        named.first_day,
        results.value,
        cast(null as bigint) as n,
        true as is_complete_period,
        results.measured_on as period_start,
        results.measured_on as period_end

    from named

    inner join {{ ref('key_result_values') }} as results
        on
            named.goal_key = results.key_result_key
            and results.measured_on >= named.first_day
            and results.measured_on <= named.last_day

    where
        named.kind = 'key_result'
        and results.measured_on <= cast({{ as_of() }} as date)

),

-- A goal of a number that nobody ever measured has a row that says so.
joined as (

    select
        named.*,
        measured.value,
        measured.n,
        measured.is_complete_period,
        measured.period_start,
        measured.period_end,
        cast(measured.value as decimal(28, 9)) as exact_value,
        sum(cast(measured.value as decimal(28, 9))) over three_before as sum_before,
        count(measured.value) over three_before as values_before

    from named

    left join measured
        on
            named.kind = measured.kind
            and named.goal_key = measured.goal_key
            and named.first_day = measured.first_day

    window three_before as (
        partition by named.kind, named.goal_key
        order by measured.period_start
        rows between 3 preceding and 1 preceding
    )

),

-- A key result is due bit by bit, from its baseline on the eve of the first day to its target on
-- the last one.
expected as (

    select
        *,
        case
            when kind = 'kpi' then target
            when period_end is not null
                then
                    coalesce(baseline, target) + (target - coalesce(baseline, target)) * least(
                        cast(
                            {{ seconds_between(
                                'cast(first_day as timestamp)', 'cast(period_end as timestamp)'
                            ) }} / 86400 + 1 as double
                        ) / (
                            {{ seconds_between(
                                'cast(first_day as timestamp)', 'cast(last_day as timestamp)'
                            ) }} / 86400 + 1
                        ),
                        1
                    )
        end as expected,
        case
            when values_before = 3 and exact_value is not null
                then cast(sum_before as double) / 3
        end as mean_before,
        case
            when values_before < 3 or exact_value is null then null
            when exact_value * 3 = sum_before then 'same'
            when (exact_value * 3 > sum_before) = (better = 'higher') then 'better'
            else 'worse'
        end as trend

    from joined

),

final as (

    select
        kind || '|' || goal_key || '|' || coalesce(cast(period_start as varchar), 'never')
        || case when period_start is null then '|' || cast(first_day as varchar) else '' end
            as metric_target_key,
        kind,
        goal_key,
        objective_key,
        metric,
        entity_type,
        entity_key,
        value_stream_key,
        workflow,
        level,
        work_type,
        part,
        period,
        better,
        owner_team_key,
        value,
        n,
        baseline,
        target,
        expected,
        case
            when value is not null and target <> baseline
                then least(greatest((value - baseline) / (target - baseline), 0), 1)
        end as progress_share,
        mean_before,
        trend,
        case
            when target is null then 'no_target'
            when value is null then 'not_known'
            when value = expected or (value > expected) = (better = 'higher') then 'on'
            else 'off'
        end as status,
        is_complete_period,
        period_start,
        period_end

    from expected

)

select * from final
