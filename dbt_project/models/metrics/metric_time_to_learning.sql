with

experiments as (

    select * from {{ ref('fct_experiments') }}

),

-- An experiment counts in the month of its conception, and in the one in which it was learned.
counted as (

    select
        value_stream_key,
        cast(date_trunc('month', conceived_on) as date) as month_start,
        1 as conceived,
        0 as learned,
        0 as supported,
        0 as refuted,
        0 as learning_days

    from experiments

    union all

    select
        value_stream_key,
        cast(date_trunc('month', learned_on) as date) as month_start,
        0 as conceived,
        1 as learned,
        case when verdict = 'supported' then 1 else 0 end as supported,
        case when verdict = 'refuted' then 1 else 0 end as refuted,
        idea_to_learned_days as learning_days

    from experiments

    where learned_on is not null

),

summed as (

    select
        value_stream_key,
        month_start,
        cast(sum(conceived) as bigint) as conceived_experiments,
        cast(sum(learned) as bigint) as learned_experiments,
        cast(sum(supported) as bigint) as supported_experiments,
        cast(sum(refuted) as bigint) as refuted_experiments,
        cast(sum(learning_days) as bigint) as learning_days

    from counted

    group by 1, 2

),

final as (

    select
        summed.value_stream_key || '|' || cast(summed.month_start as varchar)
            as metric_time_to_learning_key,
        summed.value_stream_key,
        summed.conceived_experiments,
        summed.learned_experiments,
        summed.supported_experiments,
        summed.refuted_experiments,
        summed.learning_days,
        cast(summed.learning_days as double) / nullif(summed.learned_experiments, 0)
            as mean_learning_days,
        cast(summed.supported_experiments as double)
        / nullif(summed.supported_experiments + summed.refuted_experiments, 0) as supported_share,
        cast(summed.month_start + interval '1' month as date)
        <= cast({{ local_time(as_of(), 'value_streams.time_zone') }} as date)
            as is_complete_period,
        summed.month_start

    from summed

    inner join {{ ref('dim_value_streams') }} as value_streams
        on summed.value_stream_key = value_streams.value_stream_key

)

select * from final
