with

scenarios as (

    select * from {{ ref('scenarios') }}

),

lines as (

    select * from {{ ref('measure_scenario_lines') }}

),

simulated as (

    select * from {{ ref('sim_scenarios') }}

),

stages as (

    select * from {{ ref('dim_stages') }}

),

-- What an item-day costs on the last day of the weeks that were drawn from.
rates as (

    select
        lines.scenario_line_key,
        rates.cost_per_item_day,
        rates.currency

    from lines

    inner join simulated
        on
            lines.scenario_line_key = simulated.scenario_line_key
            and simulated.measure = 'items_in_flow'

    inner join {{ ref('cost_of_delay') }} as rates
        on
            lines.value_stream_key = rates.value_stream_key
            and lines.workflow = rates.workflow
            and lines.level = rates.level
            and simulated.window_end >= coalesce(rates.valid_from, date '0001-01-01')
            and simulated.window_end < coalesce(rates.valid_to, date '9999-12-31')

),

-- Fewer items in flow on each day of a year are item-days that are not lost.
gains as (

    select
        simulated.scenario_line_key,
        rates.currency,
        0 - simulated.change_high * simulated.horizon_days * rates.cost_per_item_day
            as gain_low,
        0 - simulated.change_median * simulated.horizon_days * rates.cost_per_item_day
            as gain_median,
        0 - simulated.change_low * simulated.horizon_days * rates.cost_per_item_day
            as gain_high

    from simulated

    inner join rates
        on simulated.scenario_line_key = rates.scenario_line_key

    where simulated.measure = 'items_in_flow'

),

final as (

    select
        lines.scenario_line_key || '|' || simulated.measure as metric_scenario_key,
        lines.scenario_key,
        coalesce(scenarios.name, 'As it is') as name,
        lines.value_stream_key,
        lines.workflow,
        lines.level,
        lines.change,
        stages.stage_key,
        lines.amount,
        simulated.measure,
        simulated.no_result_reason,
        simulated.observed,
        simulated.as_is,
        simulated.value_low,
        simulated.value_median,
        simulated.value_high,
        simulated.change_low,
        simulated.change_median,
        simulated.change_high,
        round(gains.gain_low, 6) as gain_low,
        round(gains.gain_median, 6) as gain_median,
        round(gains.gain_high, 6) as gain_high,
        scenarios.cost as scenario_cost,
        scenarios.currency,
        case
            when lines.change = 'as_is' then null
            when scenarios.cost is null or gains.gain_low is null then 'not_known'
            when gains.currency <> scenarios.currency then 'not_known'
            when gains.gain_low >= scenarios.cost then 'worth_it'
            when gains.gain_high < scenarios.cost then 'not_worth_it'
            else 'unsure'
        end as decision,
        case lines.change
            when 'as_is' then 'the coming year is like the weeks that were drawn from'
            when 'capacity' then 'who is added works as fast as the others from the first day on'
            when 'faster' then 'all work at the stage takes as much less, and nothing else changes'
            when 'no_wait' then 'nothing takes the place of what is removed, and no more comes back'
            when 'batch_size' then 'a batch goes on when it is whole, however long that takes'
            when 'wip_limit' then 'work takes as long as before; what waits outside counts as well'
        end as assumption,
        simulated.arrivals_n,
        simulated.horizon_days,
        simulated.trials,
        simulated.seed,
        simulated.window_start,
        simulated.window_end

    from simulated

    inner join lines
        on simulated.scenario_line_key = lines.scenario_line_key

    left join scenarios
        on lines.scenario_key = scenarios.scenario_key

    left join stages
        on
            lines.workflow = stages.workflow
            and lines.stage = stages.stage

    left join gains
        on simulated.scenario_line_key = gains.scenario_line_key

)

select * from final
