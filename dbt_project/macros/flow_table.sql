{#- One cut through measure_flow_periods whose rows add up: one sort of period, all teams or each team,
    all types of work or each type. -#}
{% macro flow_table(key, period, by_team=false, by_type=false) -%}
with

periods as (

    select * from {{ ref('measure_flow_periods') }}
    where
        period = '{{ period }}'
        and team_key {{ '<>' if by_team else '=' }} 'all'
        and work_type {{ '<>' if by_type else '=' }} 'all'

),

-- A stream that spent too much time in statuses without a stage says so beside its numbers.
marks as (

    select * from {{ ref('metric_unmapped_time') }}

),

final as (

    select
        periods.value_stream_key || '|' || workflow || '|' || level || '|'
        {%- if by_type %} || work_type || '|'{% endif %}
        {%- if by_team %} || team_key || '|'{% endif %} || cast(period_start as varchar)
            as {{ key }},
        periods.value_stream_key,
        workflow,
        level,
        {%- if by_type %}
        work_type,
        {%- endif %}
        {%- if by_team %}
        team_key,
        {%- endif %}
        {%- if period == 'increment' %}
        increment_key,
        {%- endif %}
        velocity,
        earlier_finishes,
        n,
        {%- if period != 'day' %}
        flow_time_p50_s,
        flow_time_p85_s,
        flow_time_p95_s,
        {%- endif %}
        in_flow_s,
        active_s,
        wait_s,
        rework_s,
        first_pass_items,
        has_modelled_waits,
        {%- if period != 'day' %}
        flow_efficiency_share,
        started_share,
        rework_share,
        first_pass_yield_share,
        {%- if by_type %}
        distribution_share,
        {%- endif %}
        {%- endif %}
        {%- if not by_team %}
        load,
        {%- endif %}
        is_complete_period,
        coalesce(marks.is_marked, false) as is_marked,
        {%- if period == 'day' %}
        period_start as date_day
        {%- elif period == 'increment' %}
        period_start as increment_start,
        period_end as increment_end
        {%- else %}
        period_start as {{ period }}_start
        {%- endif %}

    from periods

    left join marks
        on periods.value_stream_key = marks.value_stream_key

)

select * from final
{%- endmacro %}
